"""Figures of cosines: by hand, against brute force, and a sample's error against many samples."""

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.cosines import BINS, correlation, divergence, histogram
from unicorn_assets.transfer.metrics.neighbours import BLOCK
from unicorn_assets_tests.transfer.metrics.clouds import normalised, rotation, units


def pairs(rows):
    rows = normalised(rows)
    return np.array([a @ b for i, a in enumerate(rows) for b in rows[:i]])


def test_histogram_by_hand():
    # Cosines 0, 0.8 and 0.6 of three pairs, each from both ends; the two ends of the range belong to its last bins.
    counts = histogram(np.array([[1.0, 0], [0, 1], [0.805, 0.593271]]))[0, 0]
    assert {int(place): int(counts[place]) for place in np.flatnonzero(counts)} == {100: 2, 180: 2, 159: 2}
    ends = histogram(np.array([[1.0, 0], [1, 0], [-1, 0]]))[0, 0]
    assert (ends[0], ends[BINS - 1], ends.sum()) == (4, 2, 6)


@pytest.mark.parametrize("groups", [1, 3, 20])
def test_histogram_counts_every_pair_twice_whatever_the_groups(groups):
    rows = units(BLOCK + 44)
    wanted, _ = np.histogram(pairs(rows), bins=BINS, range=(-1, 1))
    counts = histogram(rows, groups)
    assert np.array_equal(counts.sum(axis=(0, 1)), 2 * wanted)
    assert np.array_equal(counts, counts.transpose(1, 0, 2))


def test_divergence_by_hand():
    right, same = np.array([[1.0, 0], [0, 1]]), np.array([[1.0, 0], [1, 0]])
    assert divergence(right, same).value == 1
    # Cosines 0, 0, 1 against 0 alone, of bins 100 and 199: P = (2/3, 1/3), Q = (1, 0), M = (5/6, 1/6).
    third = np.array([[1.0, 0], [0, 1], [0, 1]])
    bits = lambda p: -sum(x * np.log2(x) for x in p if x)  # noqa: E731
    assert divergence(third, right).value == pytest.approx(bits([5 / 6, 1 / 6]) - bits([2 / 3, 1 / 3]) / 2)


def test_divergence_of_identical_sets_is_zero_and_of_others_symmetric():
    one, other, turn = units(90, seed=1), units(120, seed=2, mean=1), rotation(8)
    found = divergence(one, other).value
    assert divergence(one, one).value == 0
    assert 0 < found < 1
    assert divergence(other, one).value == pytest.approx(found)
    # Rotating moves a cosine by rounding, which at the edge of a bin may count.
    assert divergence(one @ turn, other @ turn).value == pytest.approx(found, abs=1e-3)
    assert divergence(5 * one, other).value == pytest.approx(found, abs=1e-3)


def test_divergence_grows_as_a_cone_narrows():
    found = [divergence(units(150, seed=1), units(150, seed=2, mean=mean)).value for mean in (0.3, 0.8, 1.5, 5)]
    assert found == sorted(found)


def test_correlation_against_brute_force():
    before = units(BLOCK + 30)
    after = before + 0.2 * np.random.default_rng(3).normal(size=before.shape)
    wanted = np.corrcoef(pairs(before), pairs(after))[0, 1]
    assert correlation(before, after).value == pytest.approx(wanted, abs=1e-10)
    assert correlation(after, before).value == pytest.approx(wanted, abs=1e-10)
    assert correlation(before, after, groups=20).value == pytest.approx(wanted, abs=1e-10)


def test_correlation_by_hand():
    # Cosines of the pairs 01, 02, 12: before 0, 1, 0; after 0, 0, 1: centred (-1, 2, -1)/3 and (-1, -1, 2)/3.
    before, after = np.array([[1.0, 0], [0, 1], [1, 0]]), np.array([[1.0, 0], [0, 1], [0, 1]])
    assert correlation(before, after).value == pytest.approx(-1 / 2)


def test_correlation_is_one_under_rotation_and_falls_with_noise():
    before = units(100)
    assert correlation(before, 4 * before @ rotation(8)).value == pytest.approx(1)
    noise = np.random.default_rng(3).normal(size=before.shape)
    found = [correlation(before, before + by * noise).value for by in (0.01, 0.1, 0.5, 50)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(0, abs=0.1)


def test_cosines_that_do_not_vary_correlate_with_nothing():
    assert correlation(np.eye(4), np.eye(4)) is None
    assert correlation(units(1), units(1)) is None


@pytest.mark.parametrize("figure", ["psi", "divergence"])
def test_a_samples_error_is_that_of_many_samples(figure):
    found = []
    for seed in range(60):
        one, other = units(200, seed=seed), units(200, seed=1000 + seed, mean=0.5)
        noise = 0.2 * np.random.default_rng(5000 + seed).normal(size=one.shape)
        found.append(correlation(one, one + noise, 20) if figure == "psi" else divergence(one, other, 20))
    spread, stated = np.std([one.value for one in found], ddof=1), np.mean([one.error for one in found])
    assert 0.8 * spread < stated < 2 * spread
    middle = np.mean([one.value for one in found])
    assert np.mean([abs(one.value - middle) <= 2 * one.error for one in found]) >= 0.9


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(TransferError, match="There are 1 embeddings to take cosines of"):
        divergence(units(5), units(1))
    with pytest.raises(TransferError, match="5 embeddings before the transfer meet 6 after"):
        correlation(units(5), units(6))
