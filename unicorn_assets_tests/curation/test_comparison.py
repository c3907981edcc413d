"""Whether two answers say the same: letters, yes or no, numbers, and free answers by their words."""

import hashlib
import json

import pytest

from unicorn_assets.curation.comparison import COMPARISON_VERSION, compare, form_of, letter_of, polarity

OPTIONS = ("A red bus", "A green tram", "A dog", "Two dogs")


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        ("B.", "B"),
        ("(B)", "B"),
        ("**B**", "B"),
        ("B) a green tram", "B"),
        ("B. A green tram", "B"),
        ("B: the tram", "B"),
        ("B - the tram", "B"),
        ("B a green tram", "B"),
        ("Answer: B", "B"),
        ("The answer is B.", "B"),
        ("The correct option is (D)", "D"),
        ("I would say that the answer is C", "C"),
        ("A green tram.", "B"),
        ("a dog", "C"),
        ("A", "A"),
        ("A dog on the beach", None),
        ("A tram", None),
        ("E", None),
        ("The answer is A or the answer is B", None),
        ("I cannot see the photograph.", None),
        ("", None),
    ],
)
def test_the_letter_of_an_answer(answer, letter):
    assert letter_of(answer, OPTIONS) == letter


def test_letters_are_those_of_the_options_there_are():
    assert letter_of("C", OPTIONS[:3]) == "C"
    assert letter_of("D", OPTIONS[:3]) is None
    assert letter_of("1", ("1", "2", "3", "4")) == "A"


@pytest.mark.parametrize(
    ("answer", "found"),
    [("Yes, it is.", True), ("yes", True), ("No.", False), ("Nope", False), ("It is.", None), ("Nobody.", None)],
)
def test_polarity(answer, found):
    assert polarity(answer) is found


def test_the_form_follows_from_the_right_answer():
    assert form_of("What stands there?", "B", OPTIONS) == "choice"
    assert form_of("Is the dog brown?", "Yes, it is brown.", ()) == "yes_no"
    assert form_of("Is the dog to the left or to the right?", "It is to the left.", ()) == "open"
    assert form_of("What is the dog doing?", "It sleeps.", ()) == "open"


CASES = [
    ("What stands there?", "B", OPTIONS, "B", "agrees"),
    ("What stands there?", "B", OPTIONS, "a green tram", "agrees"),
    ("What stands there?", "B", OPTIONS, "C", "differs"),
    ("What stands there?", "B", OPTIONS, "I cannot tell.", "unreadable"),
    ("Is the dog brown?", "Yes, it is brown.", (), "Yes.", "agrees"),
    ("Is the dog brown?", "Yes, it is brown.", (), "No, it is black.", "differs"),
    ("Is the dog brown?", "Yes, it is brown.", (), "It is brown.", "unreadable"),
    ("How many dogs are there?", "There are three dogs.", (), "3", "agrees"),
    ("How many dogs are there?", "Three.", (), "Two dogs.", "differs"),
    ("How many dogs are there?", "One dog.", (), "There is one.", "agrees"),
    ("How many dogs are there?", "One dog.", (), "Several.", "differs"),
    ("What is the dog doing?", "It is sleeping on a mat.", (), "The dog sleeps.", "agrees"),
    ("What is the dog doing?", "It is sleeping on a mat.", (), "It runs after a ball.", "differs"),
    ("What colour is the car?", "It is red.", (), "The car is red.", "agrees"),
    ("What colour is the car?", "It is red.", (), "The car is blue.", "differs"),
    ("What is in front of the wall?", "A red bicycle.", (), "A blue bicycle.", "differs"),
    ("Where is the cup?", "On the table.", (), "Under the table.", "differs"),
    ("Where is the cup?", "On the table.", (), "The cup stands on the wooden table.", "agrees"),
    ("Where is the lamp?", "To the left of the bed.", (), "To the right of the bed.", "differs"),
    ("Which is nearer, the fence or the post?", "It is the fence.", (), "The tall fence stands nearer.", "agrees"),
    ("Which is nearer, the fence or the post?", "It is the fence.", (), "The post is nearer.", "differs"),
    ("Is the cup to the left or to the right?", "It is to the left.", (), "It stands on the right.", "differs"),
    ("What is on the plate?", "Nothing is on it.", (), "Some bread.", "differs"),
    ("What is in the basket?", "Two apples and a pear.", (), "Two apples.", "agrees"),
    ("What is in the basket?", "Two apples.", (), "Three apples.", "differs"),
    ("What is in the basket?", "Two apples.", (), "The notes do not say.", "differs"),
    ("What is in the basket?", "Two apples.", (), "", "unreadable"),
    ("What is in the basket?", "Two apples.", (), "…", "unreadable"),
]


@pytest.mark.parametrize(("question", "expected", "options", "answer", "verdict"), CASES)
def test_verdicts(question, expected, options, answer, verdict):
    assert compare(question, expected, options, answer, 0.5) == verdict


def test_a_paraphrase_in_other_words_is_taken_for_a_difference():
    """What it cannot do; docs/curation.md says so."""
    assert compare("What is the man doing?", "He naps on a sofa.", (), "He sleeps on a couch.", 0.5) == "differs"


def test_the_threshold_is_a_share_of_the_shorter_answer():
    asked = ("What does the woman wear?", "A coat, a hat and gloves.", (), "A coat and boots.")
    assert compare(*asked, 0.3) == "agrees"
    assert compare(*asked, 0.9) == "differs"


GOLDEN = {1: "16c211693613d6f1"}
"""Digest of the verdicts above by version: another digest wants another version."""


def test_verdicts_change_only_with_the_version():
    verdicts = [compare(*case[:4], share) for case in CASES for share in (0.25, 0.5, 1.0)]
    digest = hashlib.blake2b(json.dumps(verdicts).encode(), digest_size=8).hexdigest()
    assert GOLDEN.get(COMPARISON_VERSION) == digest, "verdicts have changed: bump the version, and note its digest"
