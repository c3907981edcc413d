from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.identity import ID_LENGTH, draw, row_seed, sample_id, shard_name, shard_names, shard_number

SEEDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
FEW = settings(deadline=None, max_examples=60)


def test_an_id_never_changes():
    # An id outlives every recipe: if this fails, the change must be undone, not the figures.
    assert sample_id("A ferry departs a bustling port.") == "0eecc078b76b37a01c5b"
    assert sample_id("A ferry departs a bustling port.", 1) == "7f1be6e314ff41710735"
    assert sample_id("Ein Café in Köln.") == "582088a9b45bb139b6c5"
    assert shard_number("0eecc078b76b37a01c5b", 2000) == 1552
    assert row_seed("0eecc078b76b37a01c5b", "dialog") == 6653415032019297938


@FEW
@given(SEEDS, st.integers(1, 50), st.integers(1, 9999))
def test_ids_shards_and_draws_stay_in_their_ranges(seed, variant, shards):
    sample = sample_id(seed)
    assert len(sample) == ID_LENGTH
    assert set(sample) <= set("0123456789abcdef")
    assert sample_id(seed, variant) != sample == sample_id(seed, 0)
    assert 0 <= shard_number(sample, shards) < shards
    assert shard_name(shard_number(sample, shards)) in shard_names(shards)
    assert 0 <= draw(sample, "dialog") < 1
    assert 0 <= row_seed(sample, "dialog") < 2**63


@FEW
@given(st.sets(SEEDS, max_size=30))
def test_different_seeds_have_different_ids(seeds):
    assert len({sample_id(seed) for seed in seeds}) == len(seeds)


def test_shards_and_draws_are_even_and_draws_do_not_follow_each_other():
    samples = [sample_id(f"seed {number}") for number in range(20_000)]
    counts = [0] * 8
    for sample in samples:
        counts[shard_number(sample, 8)] += 1
    assert max(abs(count - 2500) for count in counts) < 4 * 2500**0.5
    dialog = [sample for sample in samples if draw(sample, "dialog") < 0.25]
    assert abs(len(dialog) - 5000) < 4 * 3750**0.5
    both = [sample for sample in dialog if draw(sample, "task") < 0.25]
    assert abs(len(both) - len(dialog) / 4) < 4 * (len(dialog) * 3 / 16) ** 0.5


def test_shards_have_names_that_sort_by_number():
    names = shard_names(2000)
    assert (names[0], names[-1]) == ("shard-0000", "shard-1999")
    assert names == sorted(names)
    assert len(set(names)) == 2000
