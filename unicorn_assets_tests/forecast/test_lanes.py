"""The finish with shards side by side, against counting it out by hand."""

import heapq
from itertools import pairwise

import numpy as np
import pytest

from unicorn_assets.forecast.lanes import Lanes, Work, side_by_side

DRAWS = np.array([1.0, 0.9, 1.2])


def work(single=100.0, asking=8000.0, gpu=0.0, cpu=0.0, runs=0.0):
    return Work(single * DRAWS, asking * DRAWS, gpu, cpu, runs)


def taken(found, shards=8, *, gpu=1, cpu=2, runs=100, servers=100):
    return side_by_side(found, Lanes(gpu, cpu, runs, servers), shards)


def test_asking_is_shared_by_the_workers_and_every_draw_with_it():
    assert taken(work()) == pytest.approx(8100 * DRAWS)
    assert taken(work(), gpu=4) == pytest.approx(2100 * DRAWS)
    assert taken(work(), gpu=8) == pytest.approx(1100 * DRAWS)


def test_no_more_workers_are_at_work_than_there_are_shards():
    assert taken(work(), gpu=50) == pytest.approx(taken(work(), gpu=8))
    assert taken(work(), shards=1, gpu=50) == pytest.approx(8100 * DRAWS)


@pytest.mark.parametrize("shards", [1, 2, 7, 8, 9, 31])
@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_the_last_round_need_not_be_full(shards, workers):
    free = [0.0] * workers
    for _ in range(shards):
        heapq.heapreplace(free, free[0] + 10.0)
    found = taken(work(single=0.0, asking=10.0 * shards), shards, gpu=workers)
    assert found[0] == pytest.approx(max(free))


def test_a_server_of_somebody_else_answers_no_faster_for_more_workers():
    served = taken(work(gpu=800.0), gpu=8, servers=1)
    assert served == pytest.approx(100 * DRAWS + 8000 * DRAWS + 100)
    assert taken(work(), gpu=8, servers=2) == pytest.approx(4100 * DRAWS)


def test_what_is_slowest_decides():
    assert taken(work(cpu=40_000.0), gpu=8)[0] == pytest.approx(100 + 20_000), "two cpu workers"
    assert taken(work(cpu=4000.0, runs=4000.0), gpu=8, cpu=8, runs=4)[0] == pytest.approx(100 + 16_000 / 4)


def test_with_no_shard_left_there_is_what_has_none():
    assert taken(work(asking=0.0), 0, gpu=8) == pytest.approx(100 * DRAWS)


def test_more_of_anything_never_takes_longer():
    found = work(gpu=900.0, cpu=7000.0, runs=300.0)
    for name in ("gpu", "cpu", "runs", "servers"):
        many = [
            taken(found, 23, **({"gpu": 4, "cpu": 3, "runs": 5, "servers": 2} | {name: n}))[0] for n in range(1, 30)
        ]
        assert all(there <= here + 1e-9 for here, there in pairwise(many)), name
