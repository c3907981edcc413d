"""Distances of sets: by hand, against brute force, and what must not change them."""

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics import distance
from unicorn_assets_tests.transfer.metrics.clouds import rotation, shape_of, units

SYMMETRIC = [
    distance.centroid_distance,
    distance.centroid_chance,
    distance.covariance_difference,
    distance.cross_cosine,
    lambda one, other: distance.frechet(one, other).distance,
]


def cross(*lengths):
    """Two points on each axis, at plus and minus a length: covariance diag(lengths^2 / number of axes)."""
    axes = np.diag(np.array(lengths, float))
    return np.concatenate([axes, -axes])


def test_centroids_by_hand():
    one, other = shape_of(np.array([[1.0, 0], [0, 1]])), shape_of(np.array([[1.0, 0], [0, -1]]))
    assert distance.centroid_distance(one, other) == pytest.approx(1)
    assert distance.centroid_chance(one, other) == pytest.approx(np.sqrt(0.5 / 2 + 0.5 / 2))
    assert distance.trace_ratio(one, other) == pytest.approx(1)
    assert distance.cross_cosine(one, other) == pytest.approx((1 + 0 + 0 - 1) / 4)
    # Covariances (1, -1; -1, 1)/4 and (1, 1; 1, 1)/4.
    assert distance.covariance_difference(one, other) == pytest.approx(np.sqrt(0.5))


def test_chance_is_what_two_samples_of_one_distribution_give():
    squares = []
    for seed in range(200):
        one, other = shape_of(units(50, seed=seed)), shape_of(units(80, seed=10_000 + seed))
        squares.append((distance.centroid_distance(one, other) / distance.centroid_chance(one, other)) ** 2)
    assert np.mean(squares) == pytest.approx(1, abs=0.15)


def test_relative_gap_by_hand():
    # m = (1 - 0.2)/2 = 0.4, s = (0.1 + 0.3)/2 = 0.2.
    assert distance.relative_gap(0.2, 0.8, 0.4) == pytest.approx(0.4 / 0.6)
    assert distance.relative_gap(0.5, 0.5, 0.5) == 0.5
    assert distance.relative_gap(1, 0.3, 0.3) == 0
    assert distance.relative_gap(1, 1, 1) == 0
    assert distance.relative_gap(0.1, 0.8, 0.4) > distance.relative_gap(0.2, 0.8, 0.4)


def test_frechet_of_diagonal_covariances_by_hand():
    # Diagonal: sum of (sigma_x - sigma_y)^2 with sigmas (3, 1)/sqrt(2) and (1, 2)/sqrt(2), plus |(3, 4)|^2.
    one, other = shape_of(cross(3, 1), unit=False), shape_of(cross(1, 2) + np.array([3.0, 4]), unit=False)
    found = distance.frechet(one, other)
    assert found.distance == pytest.approx(25 + (4 + 1) / 2)
    assert found.shrinkage == (0, 0)


def test_frechet_against_the_root_of_the_product():
    linalg = pytest.importorskip("scipy.linalg")
    one, other = units(200, seed=1), units(300, seed=2, power=1)
    x, y = np.cov(one.T, bias=True), np.cov(other.T, bias=True)
    gap = one.mean(axis=0) - other.mean(axis=0)
    wanted = gap @ gap + np.trace(x + y - 2 * linalg.sqrtm(x @ y).real)
    assert distance.frechet(shape_of(one), shape_of(other)).distance == pytest.approx(wanted, rel=1e-9)


def test_frechet_of_a_shift_is_its_square_and_grows_with_it():
    rows = units(100)
    shifts = [distance.frechet(shape_of(rows), shape_of(rows + np.eye(8)[0] * by, unit=False)) for by in (0.1, 0.2, 3)]
    assert [one.distance for one in shifts] == pytest.approx([0.01, 0.04, 9])


def test_few_rows_are_shrunk_as_the_estimator_says():
    # Covariance diag(1/2, 0, 0) of 2 rows: tr = 1/2, tr^2 = tr(S^2) = 1/4.
    few = shape_of(np.array([[1.0, 0, 0], [-1.0, 0, 0]]), unit=False)
    assert few.trace == pytest.approx(1)
    # ((1 - 2/3) * 1 + 1) / ((2 + 1 - 2/3) * (1 - 1/3)) = (4/3) / (14/9) = 6/7.
    assert distance.shrinkage(few) == pytest.approx(6 / 7)
    assert distance.shrinkage(shape_of(units(8))) > 0
    assert distance.shrinkage(shape_of(units(9))) == 0
    assert distance.shrinkage(shape_of(np.tile(units(1), (5, 1)))) == 0


def test_shrinkage_brings_small_samples_nearer_to_their_distribution():
    truth = shape_of(units(20_000, width=30, seed=9))
    few = [shape_of(units(20, width=30, seed=seed)) for seed in range(10)]
    shrunk = np.mean([distance.frechet(one, truth).distance for one in few])
    plain = np.mean(
        [((one.mean - truth.mean) ** 2).sum() + one.trace + truth.trace - 2 * _fidelity(one, truth) for one in few]
    )
    assert shrunk < plain


def _fidelity(one, other):
    root = (one.axes * np.sqrt(one.values)) @ one.axes.T
    return np.sqrt(np.linalg.eigvalsh(root @ other.covariance @ root).clip(0)).sum()


@pytest.mark.parametrize("count", [5, 60])
def test_identical_sets_are_at_no_distance(count):
    shape = shape_of(units(count))
    assert distance.centroid_distance(shape, shape) == 0
    assert distance.covariance_difference(shape, shape) == 0
    assert distance.frechet(shape, shape).distance == pytest.approx(0, abs=1e-13)
    assert distance.trace_ratio(shape, shape) == 1


@pytest.mark.parametrize("figure", SYMMETRIC)
@pytest.mark.parametrize("count", [6, 90])
def test_symmetric_and_blind_to_a_common_rotation(figure, count):
    one, other, turn = units(count, seed=1), units(50, seed=2, mean=-1), rotation(8)
    found = figure(shape_of(one), shape_of(other))
    assert figure(shape_of(other), shape_of(one)) == pytest.approx(found)
    assert figure(shape_of(one @ turn), shape_of(other @ turn)) == pytest.approx(found)


def test_a_set_without_variance_has_no_trace_ratio():
    assert distance.trace_ratio(shape_of(units(9)), shape_of(np.tile(units(1), (5, 1)))) is None


@pytest.mark.parametrize("figure", [SYMMETRIC[0], *SYMMETRIC[2:]])
def test_dimensions_do_not_mix(figure):
    with pytest.raises(TransferError, match="8 dimensions meet embeddings of 9"):
        figure(shape_of(units(20)), shape_of(units(20, width=9)))
