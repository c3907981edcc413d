"""What the card says of diversity and quality."""

from pathlib import Path

import pytest

from unicorn_assets.curation.quality import WEIGHTS
from unicorn_assets.release import card, meters
from unicorn_assets.release.manifest import Manifest
from unicorn_assets.release.meters import Meters, Quality
from unicorn_assets_tests.release.lakes import SmallLake

CAPTIONS = {"texts": 1200, "words": 99_000, "distinct_1": 0.21, "distinct_2": 0.5, "type_token_ratio": 0.125}
CAPTIONS |= {"opening_share": 0.031, "compression": 2.5, "self_bleu": 0.4}
PARTS = {"seed_words": 0.9, "repetition": 0.01, "length_fit": 1.0, "variety": 0.75, "specificity": 0.5}
QUALITY = Quality(captions=1300, mean=0.8712, low=0.7, median=0.88, high=0.95, **PARTS)


@pytest.fixture
def facts(made: tuple[SmallLake, Path]) -> Manifest:
    return Manifest.model_validate_json((made[1] / "manifest.json").read_bytes())


def section(text: str) -> str:
    return text.partition("## Diversity and quality\n")[2].partition("\n## ")[0]


def test_the_card_has_a_line_and_a_meaning_for_every_figure(facts: Manifest) -> None:
    found = Meters(
        captions_diversity=CAPTIONS,
        questions_diversity=CAPTIONS | {"distinct_2": 0.25},
        vendi_score=321.456,
        topics=1234,
        topic_entropy=5.0,
        question_entropy=2.75,
        quality=QUALITY,
    )
    text = section(card.render(facts.model_copy(update={"meters": found}), {}))
    assert "| texts | 1,200 | 1,200 | Texts that" in text
    assert "| distinct 2 | 0.5 | 0.25 | The same of pairs" in text
    assert "| vendi score | 321 |  | Effective number" in text
    assert "| topics | 1,234 |  | Topics" in text
    assert "| topic entropy | 5 |  | How evenly" in text
    assert "| question entropy |  | 2.75 | How evenly" in text
    assert "| quality | 0.87; 0.70, 0.88, 0.95 |  | How good a caption is" in text
    assert "| seed words | 0.9 |  | Share of the seed's" in text
    rows = meters.table(found)
    assert len(rows) == len(meters.MEANINGS) + len(PARTS)
    assert all(meaning.endswith(".") for *_, meaning in rows)


def test_what_there_is_none_of_has_no_line(facts: Manifest) -> None:
    found = Meters(captions_diversity=CAPTIONS)
    assert [row[0] for row in meters.table(found)] == [
        "texts", "distinct 1", "distinct 2", "type token ratio", "opening share", "compression", "self bleu"
    ]  # fmt: skip
    assert section(card.render(facts.model_copy(update={"meters": found}), {})).count("\n| ") == 7 + 2
    for nothing in (None, Meters()):
        assert meters.NONE in section(card.render(facts.model_copy(update={"meters": nothing}), {}))


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.0, "0"), (1.0, "1"), (0.03125, "0.0312"), (12_345.6, "12,346")]
)
def test_numbers_are_short(value: float, shown: str) -> None:
    (row,) = meters.table(Meters(vendi_score=value))
    assert row[1] == shown


def test_the_parts_are_those_of_the_quality() -> None:
    fresh = {"repetition": "fresh"}  # the column that it is worked out of
    assert {fresh.get(name, name) for name in meters.PARTS} == set(WEIGHTS)
