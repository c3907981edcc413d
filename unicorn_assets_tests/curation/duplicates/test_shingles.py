import re

import numpy as np
import pytest

from unicorn_assets.curation.duplicates import shingles
from unicorn_assets.curation.duplicates.shingles import shingled
from unicorn_assets_tests.curation.duplicates.planted import corpus


def of(text, length=3):
    return shingled([text], length).hashes.tolist()


def key(text):
    return int(shingled([text], 3).keys[0])


def test_shingles_are_the_runs_of_words():
    texts = corpus()
    found = shingled(texts, 3)
    known = {}
    for place, text in enumerate(texts):
        words = re.findall(r"\w+", text.lower())
        runs = [tuple(words[at : at + 3]) for at in range(len(words) - 2)]
        hashes = found.hashes[found.offsets[place] : found.offsets[place + 1]].tolist()
        assert found.words[place] == len(words)
        for run, value in zip(runs, hashes, strict=True):
            assert known.setdefault(value, run) == run
    assert len(known) == len(set(known.values()))


def test_a_text_has_the_same_shingles_alone_and_among_others():
    texts = [*corpus(), "短い", "한국어 문장", "x" * 70_000 + " y z", ""]
    found = shingled(texts, 3)
    for place in (0, 7, len(texts) - 4, len(texts) - 3, len(texts) - 2):
        own = shingled([texts[place]], 3)
        assert (found.hashes[found.offsets[place] : found.offsets[place + 1]] == own.hashes).all()
        assert found.keys[place] == own.keys[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A red car.", "a RED   car"),
        ("A well-lit room", "a well lit room!"),
        ("STRASSE im Dorf", "straße im dorf"),
        ("ﬁne Ｔｅｘｔ", "fine text"),
        ("cafe\u0301 noir", "café noir"),
        ("snake_case word", "snake case word"),
    ],
)
def test_tellings_of_one_text_are_one(one, other):
    assert key(one) == key(other)
    assert of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a red car", "a car red"), ("ab c", "a bc"), ("one", "one one"), ("हिन्दी", "हन्द"), ("2 cars", "3 cars")],
)
def test_other_texts_are_others(one, other):
    assert key(one) != key(other)
    assert of(one) != of(other)


def test_texts_of_few_words_have_one_shingle_of_all():
    assert len(of("one")) == len(of("one two")) == len(of("one two three")) == 1
    assert len({*of("one"), *of("one two"), *of("one two three")}) == 3
    assert len(of("one two three four")) == 2


@pytest.mark.parametrize("text", ["", "   ", "?! -- …", "\n\n", "__"])
def test_a_text_without_a_word_has_none(text):
    found = shingled([text, "a b c"], 3)
    assert np.diff(found.offsets).tolist() == [0, 1]
    assert found.words.tolist() == [0, 3]


def test_scripts_without_gaps_give_a_word_a_character():
    assert shingled(["猫が窓辺で寝ている", "แมวนอน", "고양이가 창가에서 잔다"], 3).words.tolist() == [9, 6, 3]
    one, other = of("赤い車が古い家の前に止まっている"), of("赤い車が古い家の横に止まっている")
    assert len(set(one) & set(other)) >= 9


def test_a_lone_surrogate_is_a_gap():
    assert of("a red \ud800 car") == of("a red car")


def test_no_texts():
    assert shingled([], 3).offsets.tolist() == [0]


def test_hashes_are_those_of_before():
    """Stored signatures stand on these: another number here needs another VERSION."""
    assert shingles.VERSION.startswith("1 ")
    assert [hex(one) for one in of("A cat sleeps here, 猫!")] == GOLDEN


GOLDEN = ["0xd2b6e95c1ebc8664", "0xddff9573b8ee26aa", "0xc329ee985f9c25b1"]
