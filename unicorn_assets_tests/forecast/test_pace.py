"""The pace: what a profile of a known queue measures, and what the queue then takes for any number of rows."""

import heapq
import random

import pytest

from unicorn_assets.forecast.pace import Pace, measured


def served(rows, places, window, seed=1, began=0.0, ready=0.0, mean=1.0):
    """Times sent and landed of rows through a server that works on `places` at once, with `window` in flight."""
    draw = random.Random(seed)
    busy, flying, sent, landed = [ready] * places, [], [], []
    limit, done, now = min(16, window), 0, began
    for number in range(rows):
        while len(flying) >= limit:
            now = max(now, heapq.heappop(flying))
            done += 1
            if 2 * done >= limit and limit < window:
                limit, done = min(window, 2 * limit), 0
        if number == 1:
            now = max(now, ready)
        sent.append(now)
        end = max(now, busy[0]) + mean * draw.uniform(0.6, 1.4)
        heapq.heapreplace(busy, end)
        heapq.heappush(flying, end)
        landed.append(end)
    return sent, landed


@pytest.mark.parametrize("places", [8, 32])
def test_the_rate_of_a_full_server_is_found_whatever_the_ramp_and_the_tail(places):
    sent, landed = served(400, places, 2 * places)
    found = measured(0.0, sent, landed)
    assert found.rate == pytest.approx(places, rel=0.08)
    assert found.full
    assert all(rate == pytest.approx(places, rel=0.35) for rate in found.rates)


@pytest.mark.parametrize("rows", [5, 40, 400, 3000])
def test_the_seconds_of_another_number_of_rows_are_those_of_the_queue(rows):
    found = measured(0.0, *served(400, 32, 64))
    _, landed = served(rows, 32, 10**6, seed=7)
    assert found.seconds(rows) == pytest.approx(max(landed), rel=0.12)
    assert found.seconds(0) == 0.0


def test_a_server_that_is_started_first_has_its_start_apart():
    sent, landed = served(300, 16, 32, began=5.0, ready=65.0)
    found = measured(5.0, sent, landed)
    assert found.startup == pytest.approx(60.0)
    assert found.rate == pytest.approx(16, rel=0.1)
    assert found.ramp < 3


def test_a_server_with_places_left_says_so():
    found = measured(0.0, *served(300, 10**6, 128))
    assert not found.full


def test_an_engine_that_answers_one_by_one_has_its_rate():
    landed = [0.01 * number for number in range(1, 101)]
    found = measured(0.0, [0.0, *landed[:-1]], landed)
    assert found.rate == pytest.approx(100, rel=0.05)
    assert found.full
    assert found.seconds(1000) == pytest.approx(10, rel=0.1)


def test_a_pace_without_times_of_service_is_its_rate():
    assert Pace(4.0, (4.0,)).seconds(10) == 2.5


def test_one_answer_is_enough_to_be_measured():
    found = measured(0.0, [0.0], [2.0])
    assert found.seconds(3) > 0
