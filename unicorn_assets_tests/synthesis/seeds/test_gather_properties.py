"""What holds for every corpus."""

from collections import Counter, defaultdict

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unicorn_assets.identity import sample_id, shard_names, shard_number
from unicorn_assets.synthesis.seeds.buckets import read_bucket
from unicorn_assets_tests.synthesis.seeds.gathering import CAPTIONS, Result, captions

TABLE = st.lists(
    st.fixed_dictionaries(
        {
            "caption": st.sampled_from([*CAPTIONS, "dog", "A  dog runs home ."]),
            "image_id": st.none() | st.integers(1, 4),
        }
    ),
    min_size=1,
    max_size=25,
)
SLOW = settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@SLOW
@given(TABLE, TABLE, st.none() | st.integers(1, 4), st.integers(1, 5))
def test_nothing_is_lost_and_buckets_part_the_seeds(tmp_path, one, two, draw, shards):
    one = [*one, {"caption": "A hen runs home", "image_id": None}]
    sources = [captions(tmp_path, "one.jsonl", one, draw=draw), captions(tmp_path, "two.jsonl", two)]
    found = Result(tmp_path, sources, shards=shards)
    for counts in (found.gathered, *found.gathered.sources.values()):
        assert counts.rows_in == counts.rows_out + sum(counts.rejected.values()) + sum(counts.not_selected.values())
    assert found.gathered.rows_in == len(one) + len(two)

    accounted = [(row["source"], row["row"]) for row in found.seeds + found.aside]
    rows = [("one", n + 1) for n in range(len(one))] + [("two", n + 1) for n in range(len(two))]
    assert sorted(accounted) == sorted(rows)
    reasons = Counter(row["reason"] for row in found.aside)
    assert reasons == Counter(found.gathered.rejected) + Counter(found.gathered.not_selected)

    ids = [row["id"] for row in found.seeds]
    assert len(ids) == len(set(ids))
    assert [(row["shard"], row["id"]) for row in found.seeds] == sorted(
        (row["shard"], row["id"]) for row in found.seeds
    )
    names = shard_names(shards)
    assert list(found.gathered.buckets) == names
    parts = [read_bucket(found.out, name).column("id").to_pylist() for name in names]
    assert [sample for part in parts for sample in part] == ids
    for name, part in zip(names, parts, strict=True):
        assert all(names[shard_number(sample, shards)] == name for sample in part)


@SLOW
@given(TABLE, st.randoms(use_true_random=False), st.integers(0, 25))
def test_neither_order_nor_split_changes_the_seeds(tmp_path, table, random, cut):
    table = [*table, {"caption": "A hen runs home", "image_id": None}]
    whole = Result(tmp_path, [captions(tmp_path, "one.jsonl", table)])
    moved = list(table)
    random.shuffle(moved)
    parts = [part for part in (moved[:cut], moved[cut:]) if part]
    split = Result(tmp_path, [captions(tmp_path, f"part{n}.csv", part) for n, part in enumerate(parts)])
    assert {row["id"] for row in whole.seeds} == {row["id"] for row in split.seeds}
    assert whole.gathered.not_selected == split.gathered.not_selected
    assert whole.gathered.rejected == split.gathered.rejected

    smallest = defaultdict(list)
    for row in table:
        if len(row["caption"]) > 3 and row["image_id"] is not None:
            smallest[row["image_id"]].append(sample_id(row["caption"].replace("  ", " ").replace(" .", ".")))
    assert {min(ids) for ids in smallest.values()} <= {row["id"] for row in whole.seeds}
