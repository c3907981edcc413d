"""Figures of neighbours: by hand, against brute force, and a sample's error against many samples."""

import itertools

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.neighbours import BLOCK, expected_entropy, mixing, neighbours, overlap
from unicorn_assets_tests.transfer.metrics.clouds import normalised, rotation, units


def fan(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def brute(rows, k):
    rows = normalised(rows)
    return [
        sorted((j for j in range(len(rows)) if j != i), key=lambda j: -rows[i] @ rows[j])[:k] for i in range(len(rows))
    ]


def test_neighbours_on_a_fan_by_hand():
    assert neighbours(fan(0, 10, 30, 33), 2).tolist() == [[1, 2], [0, 2], [3, 1], [2, 1]]


def test_norms_do_not_count():
    rows = fan(0, 10, 30, 33) * np.array([[1], [50], [0.1], [3]])
    assert neighbours(rows, 2).tolist() == [[1, 2], [0, 2], [3, 1], [2, 1]]


def test_neighbours_against_brute_force_over_several_blocks():
    rows = units(BLOCK + 50)
    assert neighbours(rows, 7).tolist() == brute(rows, 7)


@pytest.mark.parametrize("k", [0, 4, 9])
def test_more_neighbours_than_rows_are_refused(k):
    with pytest.raises(TransferError, match=f"{k} neighbours were asked for among 4 embeddings"):
        neighbours(fan(0, 1, 2, 3), k)


def test_mixing_by_hand():
    # In order of angle a a b b: the nearest of each is of its own set.
    one, other = fan(0, 10), fan(30, 33)
    apart = mixing(one, other, 1)
    assert apart.rate.value == 0
    assert apart.first is apart.second is None
    # Two nearest: 0 -> 10, 30; 10 -> 0, 30; 30 -> 33, 10; 33 -> 30, 10. Half of all are of the other set.
    found = mixing(one, other, 2)
    assert found.rate.value == 0.5
    # Each row's entropy is 1 bit. By chance: 2 of 3 others of which 2 are of the other set: both, 1 of 3, or one each.
    assert found.first.value == found.second.value == pytest.approx(1 / (2 / 3))
    assert found.rate.error == found.first.error == 0


def test_expected_entropy_against_every_way_to_deal_the_labels():
    dealt = [sum(hand) / 4 for hand in itertools.combinations([1] * 3 + [0] * 5, 4)]
    bits = [0 if p in (0, 1) else -(p * np.log2(p) + (1 - p) * np.log2(1 - p)) for p in dealt]
    assert expected_entropy(3, 8, 4) == pytest.approx(np.mean(bits))


def test_mixing_against_brute_force():
    one, other = units(60, seed=1), units(60, seed=2)
    near = brute(np.concatenate([one, other]), 5)
    wanted = [sum((j >= 60) != (i >= 60) for j in row) / 5 for i, row in enumerate(near)]
    found = mixing(one, other, 5)
    assert found.rate.value == pytest.approx(np.mean(wanted))
    bits = [0 if p in (0, 1) else -(p * np.log2(p) + (1 - p) * np.log2(1 - p)) for p in wanted]
    assert found.first.value == pytest.approx(np.mean(bits[:60]) / expected_entropy(60, 119, 5))
    assert found.second.value == pytest.approx(np.mean(bits[60:]) / expected_entropy(60, 119, 5))


def test_mixing_swaps_with_its_sets_and_does_not_see_a_rotation():
    one, other, turn = units(90, seed=1), units(70, seed=2, mean=0.6), rotation(8)
    found, swapped, turned = mixing(one, other), mixing(other, one), mixing(one @ turn, other @ turn)
    assert swapped.rate.value == pytest.approx(found.rate.value)
    assert (swapped.first.value, swapped.second.value) == pytest.approx((found.second.value, found.first.value))
    assert turned.rate.value == pytest.approx(found.rate.value)


def test_mixing_falls_as_the_sets_part_and_is_chance_for_one_distribution():
    found = [mixing(units(300, seed=1, mean=0), units(300, seed=2, mean=by)) for by in (0, 0.5, 1, 2, 20)]
    rates = [one.rate.value for one in found]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(0.5, abs=0.02)
    assert found[0].first.value == pytest.approx(1, abs=0.02)
    assert rates[-1] < 0.05


def test_overlap_by_hand():
    before, after = fan(0, 10, 30, 33), fan(0, 10, 90, 33)
    # Nearest before: 1, 0, 3, 2; after: 1, 0, 3, 1.
    assert overlap(before, after, 1).value == 3 / 4
    assert overlap(before, before, 2).value == 1


def test_overlap_against_brute_force():
    before = units(80)
    after = before + 0.3 * np.random.default_rng(5).normal(size=before.shape)
    pairs = zip(brute(before, 6), brute(after, 6), strict=True)
    assert overlap(before, after, 6).value == pytest.approx(np.mean([len(set(a) & set(b)) / 6 for a, b in pairs]))


def test_overlap_is_symmetric_whole_under_rotation_and_falls_with_noise():
    before = units(200)
    noises = [before + by * np.random.default_rng(5).normal(size=before.shape) for by in (0.02, 0.1, 0.5, 50)]
    found = [overlap(before, after).value for after in noises]
    assert found == sorted(found, reverse=True)
    # Noise alone leaves as many as chance: k of the n - 1 others.
    assert found[-1] == pytest.approx(20 / 199, abs=0.03)
    assert overlap(noises[1], before).value == found[1]
    assert overlap(before, 3 * before @ rotation(8)).value == 1


def test_as_many_rows_before_as_after():
    with pytest.raises(TransferError, match="5 embeddings before the transfer meet 6 after"):
        overlap(units(5), units(6), 2)


@pytest.mark.parametrize("figure", ["rate", "first", "omega"])
def test_a_samples_error_is_that_of_many_samples(figure):
    found = []
    for seed in range(40):
        one, other = units(200, seed=seed), units(200, seed=1000 + seed, mean=0.5)
        if figure == "omega":
            noise = 0.1 * np.random.default_rng(5000 + seed).normal(size=one.shape)
            found.append(overlap(one, one + noise, 10, groups=20))
        else:
            found.append(getattr(mixing(one, other, 10, groups=20), figure))
    spread, stated = np.std([one.value for one in found], ddof=1), np.mean([one.error for one in found])
    # A standard deviation of 40 is known to a ninth; the jackknife may overstate and must not understate.
    assert 0.8 * spread < stated < 2 * spread
    middle = np.mean([one.value for one in found])
    assert np.mean([abs(one.value - middle) <= 2 * one.error for one in found]) >= 0.9


def test_groups_change_the_error_and_not_the_value():
    one, other = units(100, seed=1), units(100, seed=2)
    assert mixing(one, other, groups=20).rate.value == mixing(one, other).rate.value
    assert overlap(one, other, groups=20).value == overlap(one, other).value
