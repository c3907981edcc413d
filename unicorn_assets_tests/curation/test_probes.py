"""What a sample of probes tells: intervals, chance, and when a check may speak."""

import random

import pytest

from unicorn_assets.curation.probes import Probed, Tallies
from unicorn_assets.curation.proportions import Z_95, Z_ONE_IN_1000, exceeds, wilson


def choices(right, wrong, unreadable=0, options=4):
    verdicts = ["agrees"] * right + ["differs"] * wrong + ["unreadable"] * unreadable
    return [Probed("choice", "A", options, verdict) for verdict in verdicts]


def polar(expected, verdict, count):
    return [Probed("yes_no", expected, 0, verdict)] * count


def test_the_interval_is_wilsons():
    low, high = wilson(10, 40, 1.96)
    assert (round(low, 4), round(high, 4)) == (0.1419, 0.4019)  # as R's prop.test without continuity correction
    assert wilson(0, 10)[0] == 0.0
    assert wilson(0, 10)[1] == pytest.approx(0.2775, abs=1e-4)
    assert wilson(10, 10)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    draw = random.Random(0)
    held = 0
    for _ in range(2000):
        hits = sum(draw.random() < 0.25 for _ in range(30))
        low, high = wilson(hits, 30, Z_95)
        held += low <= 0.25 <= high
    assert 0.93 < held / 2000 < 0.98


def test_figures_tell_counts_shares_intervals_and_chance():
    found = Tallies.of(choices(30, 60, unreadable=10)).figures()
    assert set(found) == {"choice", "yes_no", "open"}
    assert found["open"] == {"asked": 0, "unreadable": 0, "agrees": 0}
    assert set(Tallies.of([], ["choice"]).figures()) == {"choice"}
    told = found["choice"]
    assert (told["asked"], told["unreadable"], told["agrees"], told["guessed"]) == (100, 10, 30, 0.25)
    assert told["share"] == round(30 / 90, 4)
    assert told["low"] < told["share"] < told["high"]


def test_chance_is_that_of_the_options_and_of_the_commoner_of_yes_and_no():
    mixed = Tallies.of(choices(1, 1) + choices(1, 1, options=2))
    assert mixed.figures()["choice"]["guessed"] == 0.375
    said = Tallies.of(polar("Yes.", "agrees", 7) + polar("No.", "differs", 3))
    assert said.figures()["yes_no"]["guessed"] == 0.7
    assert said.figures()["yes_no"]["yes"] == 7
    free = Tallies.of([Probed("open", "A dog.", 0, "agrees")]).figures()
    assert "guessed" not in free["open"]


def test_nothing_asked_and_nothing_readable_say_nothing():
    assert not any(told["asked"] for told in Tallies.of([]).figures().values())
    nothing = Tallies.of([])
    assert not nothing.inconsistent(1.0)
    assert not nothing.guessable(0.0)
    assert not exceeds(0, 0, 0.0)
    unread = Tallies.of(choices(0, 0, unreadable=50))
    assert "share" not in unread.figures()["choice"]
    assert not unread.inconsistent(1.0)
    assert not unread.guessable(0.0)
    assert exceeds(unread.whole.unreadable, unread.whole.asked, 0.5)


def test_small_samples_do_not_cry_wolf_and_large_ones_do():
    assert not Tallies.of(choices(5, 5)).inconsistent(0.8)
    assert Tallies.of(choices(400, 600)).inconsistent(0.8)
    assert not Tallies.of(choices(5, 5)).guessable(0.1)
    assert Tallies.of(choices(500, 500)).guessable(0.1)["choice"] == pytest.approx(
        wilson(500, 1000, Z_ONE_IN_1000)[0] - 0.25
    )
    assert not Tallies.of(choices(250, 750)).guessable(0.1)
    assert not exceeds(1, 3, 0.1)
    assert exceeds(100, 300, 0.1)


def test_a_guesser_passes_in_a_thousand_shards():
    draw = random.Random(1)
    for _ in range(1000):
        right = sum(draw.random() < 0.25 for _ in range(40))
        assert not Tallies.of(choices(right, 40 - right)).guessable(0.1)


def test_always_yes_is_not_held_for_knowing():
    always = polar("Yes.", "agrees", 900) + polar("No.", "differs", 100)
    assert not Tallies.of(always).guessable(0.05)
    knowing = polar("Yes.", "agrees", 500) + polar("No.", "agrees", 500)
    assert Tallies.of(knowing).guessable(0.05)["yes_no"] > 0.4


def test_tallies_of_shards_add_up():
    one = choices(3, 7, 2) + polar("Yes.", "agrees", 4)
    two = choices(5, 5, options=2) + polar("No.", "differs", 4) + [Probed("open", "A dog.", 0, "agrees")]
    merged = Tallies.restored([Tallies.of(one).figures(), Tallies.of(two).figures(), {}])
    assert merged.figures() == Tallies.of(one + two).figures()
    assert merged.whole.asked == len(one + two)
