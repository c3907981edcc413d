"""Captions that are kept, and one for every reason not to."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.curation.inflection import stem
from unicorn_assets.curation.rules import CURATION_VERSION, judge, measures
from unicorn_assets.curation.wording import WORDINGS
from unicorn_assets.judging import Curation
from unicorn_assets.text import words
from unicorn_assets_tests.curation.test_faithfulness import CONTRADICTED

LIMITS = Curation()
SEED = "Two dogs run along a sandy beach."
CAPTION = (
    "Two dogs run along a sandy beach near the edge of shallow water. The larger dog has short brown fur and a white "
    "patch on its chest, while the smaller one is black with long ears that lift as it moves. Their paws leave a line "
    "of prints in the wet sand behind them. Low waves break into thin foam on the left side of the frame, and a row of "
    "grassy dunes rises in the background under a pale, cloudy sky. Bits of seaweed and broken shells lie scattered in "
    "the foreground, and a weathered wooden fence marks the path that leads up from the shore."
)


def codes(seed, caption, limits=LIMITS):
    return [reason.code for reason in judge(seed, caption, limits)]


def added(phrase, seed=SEED):
    return codes(seed, f"{CAPTION} {phrase}")


def test_good_caption_is_kept():
    assert judge(SEED, CAPTION, LIMITS) == []


def test_length():
    assert codes(SEED, "Two dogs run along a sandy beach.") == ["too_short"]
    assert codes(SEED, CAPTION, Curation(max_words=60)) == ["too_long"]
    count = len(words(CAPTION))
    assert codes(SEED, CAPTION, Curation(min_words=count, max_words=count)) == []
    assert codes(SEED, CAPTION, Curation(min_words=count + 1)) == ["too_short"]
    assert "too_short" in codes(SEED, "")


def test_repetition_by_trigrams():
    looped = CAPTION + " and a dog and a dog" * 20
    reasons = judge(SEED, looped, LIMITS)
    assert [reason.code for reason in reasons] == ["repetition"]
    assert "trigrams" in reasons[0].detail
    assert codes(SEED, looped, Curation(max_repetition=1)) == []


def test_repeated_sentence():
    sentence = "Their paws leave a line of prints in the wet sand behind them."
    reasons = judge(SEED, f"{CAPTION} {sentence}", LIMITS)
    assert [reason.code for reason in reasons] == ["repetition"]
    assert "their paws leave" in reasons[0].detail


def test_missing_seed_words_are_listed():
    reasons = judge("A purple elephant juggles on a sandy beach", CAPTION, LIMITS)
    assert [reason.code for reason in reasons] == ["seed_words_missing"]
    assert reasons[0].detail == "3 of 5 missing: purple, elephant, juggles"
    assert codes("A purple elephant on a sandy beach", CAPTION, Curation(min_seed_words=0.5)) == []


@pytest.mark.parametrize(
    "seed",
    [
        "A dog runs along sandy beaches",
        "2 dogs running",
        "dogs' prints, the dog's ears and fences",
        "a back-ground and fore ground with sea-weed",
        "grass-y dune with a rose of waving water",
        "DOGS RUN",
        "the of and",
    ],
)
def test_inflected_and_joined_seed_words_count(seed):
    kept = measures(seed, CAPTION).seed_words
    if "rose" in seed:
        assert kept < 1
    else:
        assert kept == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("dog", "dogs"),
        ("box", "boxes"),
        ("city", "cities"),
        ("glass", "glasses"),
        ("bus", "buses"),
        ("ride", "riding"),
        ("run", "running"),
        ("bake", "baked"),
        ("stop", "stopped"),
        ("dry", "dried"),
        ("man", "men"),
        ("child", "children"),
        ("dog", "dog’s"),
        ("movie", "movies"),
        ("two", "2"),
    ],
)
def test_forms_of_one_word_share_a_stem(one, other):
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("one", "other"), [("ring", "red"), ("cat", "cart"), ("bed", "bee"), ("king", "kit"), ("car", "care")]
)
def test_different_words_differ(one, other):
    assert stem(one) != stem(other) or (one, other) == ("car", "care")


ADDED = {
    "added_measure": [
        "The fence is 12 inches high.",
        "A 12-inch board lies there.",
        "A bag of 5 kg lies there.",
        "It is 3.5 metres away.",
        "A car does 80 mph.",
        "It is 20°C.",
        "It is 20 °C warm.",
        "The fence is five feet tall.",
        "A six-foot-long board lies there.",
        "It stands at a 45-degree angle.",
        "Water fills 30% of it.",
        "The waves come every ten seconds.",
        "A rope of twenty meters lies there.",
        "It weighs 1,200 pounds.",
        "It is 6 feet away.",
        "The man is 5'10 tall.",
    ],
    "added_age": [
        "The dog is 8 years old.",
        "An 8-year-old dog stands there.",
        "An eight-year-old dog stands there.",
        "A child aged eight stands there.",
        "A man in his thirties stands there.",
        "A man in his late 40s stands there.",
        "A 6-month-old puppy.",
        "A child of about the age of 7.",
    ],
    "added_date": [
        "It was built in 1987.",
        "The 1950s style shows.",
        "It is the 12th of October.",
        "It is a Sunday.",
        "On May 5 it stood there.",
        "The house is from the 19th century.",
        "A nineteenth-century house stands there.",
        "It reads 12/05/2021.",
    ],
    "added_time": ["A clock shows 10:15.", "It is 3 pm.", "It is about ten o'clock.", "It is 11 a.m. there."],
    "added_price": ["It costs $12.", "It costs €3,50 there.", "It costs 40 dollars.", "It costs ten euros."],
    "added_serial": [
        "A tag reads SN1234567890ABCD.",
        "A plate reads AB-1234.",
        "It has serial number 12.",
        "Call 555-0134.",
    ],
    "added_mood": [
        "The scene is serene.",
        "A beautiful sky stands above.",
        "A Cosy corner.",
        "It gives a sense of calm.",
        "An awe-inspiring view.",
        "The atmosphere of ease is there.",
    ],
    "added_nonvisual": [
        "The scent of salt is there.",
        "The sound of waves is near.",
        "The sand is warm to the touch.",
        "Gulls can be heard.",
        "It smells of salt.",
        "Fragrant herbs grow there.",
    ],
    "source_leak": [
        "The caption names two dogs.",
        "This is as described.",
        "The text mentions a beach.",
        "The description is short.",
        "The breed is not specified.",
        "The given sentence has dogs.",
        "The text does not mention a cat.",
        "The passage describes a beach.",
    ],
}


@pytest.mark.parametrize(("code", "phrase"), [(code, phrase) for code, phrases in ADDED.items() for phrase in phrases])
def test_added_wording_is_found(code, phrase):
    assert code in added(phrase)


@pytest.mark.parametrize(("code", "phrase"), [(code, phrase) for code, phrases in ADDED.items() for phrase in phrases])
def test_what_the_seed_says_is_not_held_against_the_caption(code, phrase):
    assert code not in added(phrase, f"{SEED} {phrase}")


@pytest.mark.parametrize(
    "phrase",
    [
        "Two dogs and three gulls stand there.",
        "Two feet and one foot touch the sand.",
        "The second dog is on the third step of four.",
        "An old man may march in step.",
        "A sense of depth comes from the dunes.",
        "The sign carries a line of text in white letters.",
        "Text on the wall says STOP.",
        "Route 66 and number 7 are on the boards.",
        "An aged wooden board lies there.",
        "It may stand in the sun.",
        "The seed of a plant lies there.",
        "A mid-century chair with 4 legs.",
        "A 3D letter stands at the B2 door.",
        "Sound walls line the road.",
        "It touches a half circle.",
        "A cup of tea and two pints stand in the yard.",
    ],
)
def test_plain_wording_is_fine(phrase):
    assert added(phrase) == []


@pytest.mark.parametrize(
    ("seed", "phrase"),
    [
        ("A 12 inch pizza", "A 12-inch pizza lies there."),
        ("An eight year old boy", "An 8-year-old boy stands there."),
        ("A delicious cake", "The delicious cake stands there."),
        ("A peaceful lake", "The lake lies peacefully there."),
        ("A joyful child", "The child, joyfully, stands there."),
        ("A clock that reads 10:10", "The clock reads 10:10."),
        ("A flower with a strong scent", "The scented flower stands there."),
        ("A cartoon with a caption", "The caption below has white letters."),
    ],
)
def test_other_forms_of_the_seeds_words_are_fine(seed, phrase):
    assert [code for code in added(phrase, seed) if code != "seed_words_missing"] == []


def test_detail_names_what_was_added():
    reasons = judge(SEED, f"{CAPTION} It is 12 inches, 12 inches and 5 kg, serene.", LIMITS)
    assert [reason.code for reason in reasons] == ["added_measure", "added_mood"]
    assert reasons[0].detail == "an exact measure that the seed does not have: 12 inches, 5 kg"


def test_all_reasons_are_reported_in_order():
    assert codes("A purple cow", "It is serene and 12 inches long.") == [
        "too_short",
        "seed_words_missing",
        "added_measure",
        "added_mood",
    ]


@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.code)
def test_triggers_let_every_finding_through(wording):
    for phrase in ADDED[wording.code]:
        expected = [match.group() for match in wording.pattern.finditer(phrase)]
        forms = {part for word in words(phrase) for part in (word, *word.split("-"))}
        assert expected
        assert wording.found(phrase, forms, any(letter.isdigit() for letter in phrase)) == expected


def test_each_mood_word_triggers_its_rule():
    mood = next(wording for wording in WORDINGS if wording.code == "added_mood")
    for word in mood.triggers - {"sense", "feeling", "atmosphere", "mood", "aura"}:
        assert "added_mood" in added(f"A {word} thing.")


def test_measures():
    figures = measures("A dog with a hat", "A dog a dog a dog")
    assert figures.words == 6
    assert figures.repetition == 0.5
    assert figures.seed_words == 0.5
    assert measures("", "").seed_words == 1
    assert measures("", "").repetition == 0


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=80), st.text(max_size=300))
def test_any_text_is_judged(seed, caption):
    reasons = judge(seed, caption, LIMITS)
    assert len({reason.code for reason in reasons}) == len(reasons)
    figures = measures(seed, caption)
    assert 0 <= figures.seed_words <= 1
    assert 0 <= figures.repetition < 1
    for reason in reasons:
        assert reason.detail


@settings(deadline=None, max_examples=100)
@given(st.text(min_size=1, max_size=200))
def test_a_caption_never_adds_to_itself(text):
    assert measures(text, text).seed_words == 1
    assert not [code for code in codes(text, text) if code.startswith(("added_", "seed_words"))]


GOLDEN = {2: "95286a32b34158d2"}


def test_verdicts_change_only_with_the_version():
    verdicts = [codes(SEED, f"{CAPTION} {phrase}") for phrases in ADDED.values() for phrase in phrases]
    moods = next(wording.triggers for wording in WORDINGS if wording.code == "added_mood")
    verdicts += [sorted(moods), [stem(word) for word in words(CAPTION)], [repr(measures(SEED, CAPTION))]]
    verdicts += [codes(*pair) for pairs in CONTRADICTED.values() for pair in pairs]
    digest = hashlib.blake2b(json.dumps(verdicts).encode(), digest_size=8).hexdigest()
    assert GOLDEN[CURATION_VERSION] == digest, "a new verdict needs a new CURATION_VERSION"
