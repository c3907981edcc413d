"""From rows to all that is left: values that add up, ranges that hold the truth, and what stands counted too."""

import random

import pytest

from unicorn_assets.forecast.pace import Pace
from unicorn_assets.forecast.projection import Left, Row, Standing, project

PACE = Pace(10.0, (9.0, 10.0, 11.0))


def rows(count, seed=1):
    draw = random.Random(seed)
    return [
        Row(100, draw.randrange(80, 160), kept := draw.random() < 0.8, (300, 200) if kept and n % 3 == 0 else None)
        for n, _ in enumerate(range(count))
    ]


def test_tokens_and_seconds_are_those_of_the_mean_row_times_what_is_left():
    profile = rows(300)
    found = project(profile, Standing(), [Left(captions=1000, drawn=400)] * 3, PACE, PACE)
    captions, dialogs = found["expanded_captions"], found["instruction_dialogs"]
    mean = sum(row.completion for row in profile) / 300
    assert captions.completion.value == pytest.approx(3000 * mean)
    assert captions.prompt.value == pytest.approx(300_000)
    kept = sum(row.kept for row in profile) / 300
    assert dialogs.answers.value == pytest.approx(1200 * kept)
    assert dialogs.prompt.value == pytest.approx(1200 * kept * 300)
    assert captions.seconds.value == pytest.approx(300)
    assert captions.seconds.low < 300 < captions.seconds.high
    assert found["modality_alignment"].answers.value == 0


def test_nine_in_ten_ranges_hold_what_comes():
    held = 0
    for seed in range(60):
        found = project(rows(200, seed), Standing(), [Left(captions=2000)], PACE, None)
        tokens = sum(row.completion for row in rows(2000, seed + 1000))
        one = found["expanded_captions"].completion
        held += one.low <= tokens <= one.high
    assert held >= 48


def test_shards_that_stand_weigh_by_their_rows():
    stands = Standing(captions=900, caption_tokens=(90_000, 900 * 200), seeds=900, kept=900)
    found = project(rows(100), stands, [Left(captions=1000, drawn=100)], PACE, PACE)
    mean = (sum(row.completion for row in rows(100)) + 900 * 200) / 1000
    assert found["expanded_captions"].completion.value == pytest.approx(1000 * mean)
    kept = (sum(row.kept for row in rows(100)) + 900) / 1000
    assert found["instruction_dialogs"].answers.value == pytest.approx(100 * kept)


def test_dialogs_of_known_captions_are_certain():
    found = project(rows(100), Standing(), [Left(dialogs=50)], PACE, PACE)["instruction_dialogs"]
    assert (found.answers.low, found.answers.high) == (50, 50)


def test_nothing_left_takes_nothing_even_without_a_profile():
    found = project([], Standing(), [Left()], None, None)
    assert all(part.tokens.value == part.seconds.high == 0 for part in found.values())
