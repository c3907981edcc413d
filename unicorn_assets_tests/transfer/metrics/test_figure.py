"""The jackknife by hand and against known errors, and the pool's draw."""

import numpy as np
import pytest

from unicorn_assets.transfer.metrics.figure import Figure, fitting, jackknife, members
from unicorn_assets.transfer.metrics.pool import Pool, keys


def mean_without(values, groups):
    group = members(len(values), groups)
    return lambda left: float(values[group != left].mean())


def test_groups_are_runs_of_nearly_equal_length():
    assert members(7, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert members(0, 3).tolist() == []
    assert np.bincount(members(4001, 20)).tolist().count(200) == 19


@pytest.mark.parametrize(("groups", "rows", "wanted"), [(20, 4000, 20), (20, 10, 5), (20, 3, 1), (20, 0, 1), (1, 9, 1)])
def test_groups_that_rows_are_enough_for(groups, rows, wanted):
    assert fitting(groups, rows) == wanted


def test_jackknife_of_a_mean_by_hand():
    # Left out one at a time: 2.5, 2, 1.5; the error is s/sqrt(3) = 1/sqrt(3).
    found = jackknife(mean_without(np.array([1.0, 2, 3]), 3), 3)
    assert found == Figure(2, pytest.approx(np.sqrt(1 / 3)))


def test_what_is_no_sample_has_no_error():
    assert jackknife(mean_without(np.array([1.0, 2, 3]), 1), 1) == Figure(2, 0)


def test_the_error_is_that_of_many_samples():
    found = [jackknife(mean_without(np.random.default_rng(seed).normal(size=400), 20), 20) for seed in range(300)]
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.1)
    assert np.mean([one.error for one in found]) == pytest.approx(1 / np.sqrt(400), rel=0.05)


def numbered(count):
    return np.arange(count, dtype=float)[:, None] * [1, -1]


def test_a_pool_with_room_holds_every_row():
    pool = Pool(10, 2)
    pool.add(numbered(7))
    assert not pool.sampled
    assert sorted(pool.rows()[:, 0]) == list(range(7))
    pool.add(numbered(3))
    assert not pool.sampled
    assert len(pool.rows()) == 10
    pool.add(numbered(1))
    assert pool.sampled


@pytest.mark.parametrize("step", [1, 3, 50, 99, 1000])
def test_the_pool_does_not_depend_on_the_chunks(step):
    rows, pool = numbered(1000), Pool(50, 2)
    for start in range(0, 1000, step):
        pool.add(rows[start : start + step])
    pool.add(rows[:0])
    assert pool.rows()[:, 0].tolist() == np.argsort(keys(0, 1000))[:50].tolist()
    assert np.array_equal(pool.rows()[:, 0], -pool.rows()[:, 1])


def test_every_row_has_the_same_chance():
    assert len(set(keys(0, 100_000).tolist())) == 100_000
    assert keys(40, 3).tolist() == keys(0, 43)[40:].tolist()
    order = np.argsort(keys(0, 10_000))
    assert order[:5000].mean() == pytest.approx(4999.5, abs=4 * 10_000 / np.sqrt(12 * 5000))
    assert (np.diff(order) > 0).mean() == pytest.approx(0.5, abs=0.02)
