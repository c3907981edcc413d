"""Turns that break a rule, one a kind, turns that only seem to, and what becomes of their dialogs."""

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.curation.dialogs import DIALOG_RULES_VERSION, imbalance, judge, set_aside_reason
from unicorn_assets.curation.questions import question_type, topic_of
from unicorn_assets.judging import DialogRules
from unicorn_assets.synthesis.answers import Turn

LIMITS = DialogRules()
CAPTION = (
    "Two dogs run along a sandy beach near the edge of shallow water. The larger dog has short brown fur and a white "
    "patch on its chest, while the smaller one is black with long ears. A red kite with a blue tail flies above the "
    "dunes, and a weathered wooden fence stands to the left of a narrow path. A sign on the fence reads STOP 1987. "
    "Three gulls sit on a post under a pale, cloudy sky."
)


def turn(question, answer, *wrong):
    return Turn(question, "A", (answer, *wrong)) if wrong else Turn(question, answer)


def faults(*turns, task="question_answering", caption=CAPTION, limits=LIMITS):
    return [fault.reason.code for fault in judge(task, turns, caption, limits).faults]


BROKEN = {
    "answer_in_question": [
        turn("What colour is the red kite?", "The kite is red."),
        turn("What is the wooden fence made of?", "Wooden", "Metal", "Stone", "Plastic"),
        turn("Which birds are the gulls on the post?", "Gulls", "Crows", "Ducks", "Swans"),
    ],
    "options_alike": [
        turn("What flies above the dunes?", "A kite", "The kite", "A plane", "A balloon"),
        turn("What sits on the post?", "Gulls", "A gull", "Crows", "Ducks"),
    ],
    "unanswerable": [
        turn("What sound do the gulls make?", "They sit on a post."),
        turn("How does the beach smell?", "Sandy."),
        turn("What does the water taste like?", "Shallow water."),
        turn("Who took the photograph?", "A man took it."),
        turn("What is the name of the larger dog?", "Its name is Rex."),
        turn("How old is the smaller dog?", "About four years."),
        turn("What year was the fence built?", "In 1950."),
        turn("How many feet is the path wide?", "Six."),
        turn("What city is this beach in?", "Lisbon", "Porto", "Faro", "Braga"),
        turn("How much does the kite cost?", "Ten euros."),
        turn("What is the man thinking?", "Of his kite."),
    ],
    "answer_copied": [
        turn("What do the dogs do?", "Two dogs run along a sandy beach near the edge of shallow water."),
        turn("How does it look?", "the larger dog has short brown fur and a white patch on its chest"),
    ],
    "answer_contradicted": [
        turn("How many dogs are there?", "Three.", "Two", "Four", "Six"),
        turn("How many gulls can be seen?", "There are five gulls."),
        turn("How many gulls are visible in the picture?", "Two"),
        turn("What colour is the kite?", "Green"),
        turn("What is flying above the dunes?", "A green kite flies there."),
        turn("Where does the fence stand?", "The path runs to the left of the fence."),
        turn("What can one see in the sand?", "There is no fence."),
    ],
    "answer_unsupported": [
        turn("What does the larger dog carry?", "It carries an umbrella."),
        turn("What stands behind the fence?", "A lighthouse", "A tower", "A barn", "A mill"),
        turn("Where are the cyclists?", "On a bridge near some market stalls."),
    ],
}


@pytest.mark.parametrize(("code", "broken"), [(code, one) for code, turns in BROKEN.items() for one in turns])
def test_broken_turns_are_found(code, broken):
    assert faults(broken) == [code]


@pytest.mark.parametrize(
    "fine",
    [
        turn("What are the two animals doing?", "They run along the beach."),
        turn("How many dogs are there?", "Two", "Three", "Four", "Six"),
        turn("How many dogs have brown fur?", "One of the dogs has."),
        turn("How many dogs are black?", "One", "Two", "Three", "Four"),
        turn("Is the kite red or green?", "It is red."),
        turn("Is the kite red?", "Yes, the kite is red."),
        turn("Which is larger, the black dog or the brown one?", "The brown dog."),
        turn("Which is nearer, the fence or the path?", "The fence", "The path", "Both", "Neither"),
        turn("What colour is the kite?", "Crimson", "Blue", "Green", "Grey"),
        turn("What colour is the kite's tail?", "Blue", "Red", "Green", "Grey"),
        turn("What year does the sign show?", "1987", "1950", "2001", "1912"),
        turn("What does the sign say?", "STOP"),
        turn("What is the flying object called?", "A kite", "A drone", "A plane", "A bird"),
        turn("Where is the fence in relation to the path?", "The fence is to the left of the path."),
        turn("Where is the path?", "The path is to the right of the fence."),
        turn("Why might the kite be in the air?", "There is probably a breeze that lifts it."),
        turn("What season is it likely to be?", "Autumn."),
        turn("What does the weather look like?", "Overcast."),
        turn("What is on the post?", "Seabirds, three gulls."),
        turn("How does the fence look?", "It looks weathered."),
        turn("What is the fence made of?", "Wood."),
        turn("Who is in the picture?", "Nobody: there are no people, only dogs."),
        turn("Where is the kite?", "Above the dunes."),
    ],
)
def test_plain_turns_are_fine(fine):
    assert faults(fine) == []


def test_repeated_questions_are_found_in_other_words_and_unlike_ones_are_not():
    first = turn("What colour is the kite?", "Red.")
    assert faults(first, turn("Which colour does the kite have?", "It is red.")) == ["question_repeated"]
    assert faults(first, turn("Where is the kite?", "Above the dunes.")) == []
    above = turn("What is above the dunes?", "A kite.")
    assert faults(above, turn("What is behind the dunes?", "Cloudy sky.")) == []
    assert faults(first, first, limits=DialogRules(repeats=False)) == []


def test_reasoning_may_go_beyond_its_caption_but_must_not_leak():
    supposed = turn("If the fence and the path changed places, what would stand left?", "The path would, by the gate.")
    inferred = turn("What follows from the umbrella?", "Rain falls, so parasols and coats would be wanted.")
    leak = turn("What colour is the red kite?", "The kite is red.")
    assert faults(supposed, inferred, leak, task="complex_reasoning") == ["answer_in_question"]


@pytest.mark.parametrize(
    ("code", "off"),
    [
        ("answer_in_question", {"leaks": False}),
        ("unanswerable", {"unanswerable": False, "min_support": 0.0}),
        ("answer_copied", {"copied_words": 100}),
        ("answer_contradicted", {"contradictions": False}),
        ("answer_unsupported", {"min_support": 0.0}),
    ],
)
def test_the_recipe_turns_each_rule_off(code, off):
    for broken in BROKEN[code]:
        assert code not in faults(broken, limits=DialogRules(**off))


def test_faulty_turns_leave_and_a_dialog_with_too_few_left_is_set_aside():
    good = [turn("How many dogs are there?", "Two."), turn("What flies above the dunes?", "A kite.")]
    bad = [turn("What sound is heard?", "A bark."), turn("Who took the picture?", "A man.")]
    found = judge("question_answering", [bad[0], *good], CAPTION, LIMITS)
    assert found.kept == (1, 2)
    assert [(fault.place, fault.reason.code) for fault in found.faults] == [(0, "unanswerable")]
    half = judge("question_answering", [*good, *bad], CAPTION, LIMITS)
    assert half.kept == (0, 1)
    lost = judge("question_answering", [*good, *bad], CAPTION, DialogRules(min_turns_kept=0.6))
    assert lost.kept == ()
    reason = set_aside_reason(lost, 4)
    assert reason.code == "unanswerable"
    assert reason.detail.startswith("2 of 4 turns: unanswerable: 'What sound' in: What sound is heard?")
    assert judge("question_answering", bad, CAPTION, DialogRules(min_turns_kept=0)).kept == ()


def test_balanced_letters_pass_and_one_letter_alone_does_not():
    assert imbalance({}) == 0
    assert imbalance(dict.fromkeys("ABCD", 25)) == 0
    assert imbalance({"B": 100}) == 300
    assert imbalance({"A": 30, "B": 20, "C": 25, "D": 25}) == 2


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What is there?", "what"),
        ("In which direction do the shadows fall?", "which"),
        ("How many dogs run?", "how many"),
        ("How does it look?", "how"),
        ("Is the dog black?", "yes/no"),
        ("Whose hat is it?", "who"),
        ("Name the animal.", "other"),
        ("", "other"),
    ],
)
def test_question_types(question, kind):
    assert question_type(question) == kind


def test_topics_of_questions_keep_what_places_things():
    assert topic_of("What is on the table?") != topic_of("What is under the table?")
    assert topic_of("What colour is the car?") == topic_of("Which colour does the car have?")


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["multiple_choice", "question_answering", "complex_reasoning"]),
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60)), min_size=1, max_size=5),
    st.text(max_size=150),
)
def test_any_dialog_is_judged_and_every_turn_is_kept_or_at_fault(task, pairs, caption):
    turns = [Turn(question, answer) for question, answer in pairs]
    found = judge(task, turns, caption, DialogRules(min_turns_kept=0))
    places = [*found.kept, *(fault.place for fault in found.faults)]
    assert sorted(places) == list(range(len(turns))) or not found.kept
    assert all(fault.reason.detail for fault in found.faults)


GOLDEN = {1: "5ae8960dc47dc191"}


def test_verdicts_change_only_with_the_version():
    verdicts = [repr(judge("question_answering", [one], CAPTION, LIMITS)) for turns in BROKEN.values() for one in turns]
    digest = hashlib.blake2b(json.dumps(verdicts).encode(), digest_size=8).hexdigest()
    assert GOLDEN[DIALOG_RULES_VERSION] == digest, "a new verdict needs a new DIALOG_RULES_VERSION"
