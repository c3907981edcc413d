"""Figures of pairs: by hand, against brute force over all pairs, and over chunks."""

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.pairs import Pairs, cosines
from unicorn_assets_tests.transfer.metrics.clouds import rotation, shape_of, units


def figures(one, other, *cuts):
    pairs = Pairs(one.shape[1])
    for start, stop in zip((0, *cuts), (*cuts, len(one)), strict=True):
        pairs.add(one[start:stop], other[start:stop])
    return pairs.figures(shape_of(one).mean_cosine, shape_of(other).mean_cosine)


def test_two_pairs_by_hand():
    # Differences (1, -1) and (1, 1): mean (1, 0), residuals (0, -1) and (0, 1).
    found = figures(np.array([[1.0, 0], [0, 1]]), np.array([[0.0, 1], [-1, 0]]))
    assert found.paired_distance == pytest.approx(np.sqrt(2))
    assert found.paired_cosine == 0
    assert found.energy_ratio == pytest.approx(1 / 2)
    assert found.gap_cosine == pytest.approx(np.sqrt(0.5))
    assert found.residual_energy == pytest.approx(1)
    assert found.residual_anisotropy == pytest.approx(2)
    assert found.residual_dimension == pytest.approx(1 / 2)
    assert found.residual_first == found.residual_ten == pytest.approx(1)
    # m = 1/2; within either set the one pair has the cosine 0, so s = 1/2.
    assert found.relative_gap == pytest.approx(1 / 2)


def test_against_brute_force():
    one, other = units(60, seed=1), units(60, seed=2, mean=-1)
    found, gaps = figures(one, other), one - other
    gap, lengths = gaps.mean(axis=0), np.linalg.norm(gaps, axis=1)
    values = np.linalg.eigvalsh(np.cov(gaps.T, bias=True))[::-1]
    away = [1 - a @ b for rows in (one, other) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    across = ((1 - (one * other).sum(axis=1)) / 2).mean()
    assert found.paired_distance == pytest.approx(lengths.mean())
    assert found.paired_cosine == pytest.approx((one * other).sum(axis=1).mean())
    assert found.relative_gap == pytest.approx(across / (across + np.mean(away) / 2))
    assert found.energy_ratio == pytest.approx(gap @ gap / (lengths**2).mean())
    assert found.gap_cosine == pytest.approx((gaps @ gap / lengths).mean() / np.linalg.norm(gap))
    assert found.residual_energy == pytest.approx(((gaps - gap) ** 2).sum(axis=1).mean())
    assert found.residual_anisotropy == pytest.approx(values[0] / values.mean())
    assert found.residual_dimension == pytest.approx(values.sum() ** 2 / (values**2).sum() / 8)
    assert found.residual_first == pytest.approx(values[0] / values.sum())
    assert found.residual_ten == pytest.approx(1)


def test_a_pure_shift_is_all_of_the_gap():
    one = units(30)
    pairs = Pairs(8)
    pairs.add(one + np.eye(8)[2] * 0.5, one)
    found = pairs.figures(0, 0)
    assert found.energy_ratio == pytest.approx(1)
    assert found.gap_cosine == pytest.approx(1)
    assert found.residual_energy == 0
    assert found.residual_anisotropy is None
    assert found.residual_dimension is None


def test_identical_sets_have_no_gap():
    one = units(30)
    found = figures(one, one)
    assert found.paired_distance == found.residual_energy == 0
    assert found.paired_cosine == pytest.approx(1)
    assert found.relative_gap == pytest.approx(0, abs=1e-12)
    assert found.energy_ratio is None
    assert found.gap_cosine is None


def test_symmetric_rotated_cut_and_merged_alike():
    one, other, turn = units(60, seed=1), units(60, seed=2, mean=-1), rotation(8)
    whole = figures(one, other)
    parts = [Pairs(8), Pairs(8)]
    parts[0].add(one[20:], other[20:])
    parts[1].add(one[:20], other[:20])
    parts[0].merge(parts[1])
    merged = parts[0].figures(shape_of(one).mean_cosine, shape_of(other).mean_cosine)
    for found in (figures(other, one), figures(one @ turn, other @ turn), figures(one, other, 7, 7, 40), merged):
        for name in whole.__slots__:
            assert getattr(found, name) == pytest.approx(getattr(whole, name), abs=1e-12)


def test_cosines_do_not_ask_for_unit_rows():
    assert cosines(np.array([[3.0, 0], [2, 2]]), np.array([[0.0, 5], [7, 0]])) == pytest.approx([0, np.sqrt(0.5)])


def test_what_is_no_pair_is_refused():
    with pytest.raises(TransferError, match=r"\(3, 8\) rows meet \(2, 8\)"):
        Pairs(8).add(units(3), units(2))
    with pytest.raises(TransferError, match="There are no pairs"):
        _ = Pairs(8).mean_cosine
    pairs = Pairs(8)
    pairs.add(units(1), units(1, seed=1))
    with pytest.raises(TransferError, match="There are 1 embeddings"):
        pairs.figures(0, 0)
