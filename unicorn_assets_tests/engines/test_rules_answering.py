"""The `rules` engine answers probes: from the caption where it may see it, by chance where it may not."""

import hashlib
from collections import Counter

import pytest

from unicorn_assets import recipe
from unicorn_assets.engines.rules import VERSION, RulesEngine
from unicorn_assets.errors import EngineError
from unicorn_assets.identity import sample_id
from unicorn_assets.synthesis.probing import request

CAPTION = (
    "A brown dog sleeps on a striped mat. Two red bicycles lean against a brick wall behind it, and a tall lamp stands "
    "to the left of the door. Soft light falls from the upper right."
)


def answer(task, question, options=(), caption=CAPTION, sample="0" * 20):
    asked = request(task, sample, question, options, caption, recipe.Sampling())
    [(same, found)] = RulesEngine().generate([asked])
    assert same is asked
    return found.text


@pytest.mark.parametrize(
    ("question", "options", "letter"),
    [
        ("What does the dog lie on?", ("A sofa", "A striped mat", "A chair", "A bed"), "B"),
        ("What leans against the wall?", ("Green ladders", "Red bicycles", "White boards", "Grey pipes"), "B"),
        ("Where does the light come from?", ("The lower left", "The upper left", "Behind", "The upper right"), "D"),
        ("What stands by the door?", ("A tall lamp", "A cat", "A chair", "A plant"), "A"),
    ],
)
def test_options_are_read_off_the_caption(question, options, letter):
    assert answer("round_trip", question, options) == letter


def test_yes_and_no_and_a_sentence_are_read_off_the_caption():
    assert answer("round_trip", "Does a dog sleep on a mat?") == "Yes."
    assert answer("round_trip", "Is there an elephant in a tree?") == "No."
    assert answer("round_trip", "What is the dog doing?") == "A brown dog sleeps on a striped mat."
    assert answer("round_trip", "Is the lamp to the left or to the right of the door?").startswith("Two red bicycles")


def test_without_the_caption_answers_are_spread_as_chance_would():
    options = ("A sofa", "A striped mat", "A chair", "A bed")
    ids = [sample_id(str(number)) for number in range(4000)]
    letters = Counter(answer("blind_answers", "What does the dog lie on?", options, sample=one) for one in ids)
    assert set(letters) == set("ABCD")
    assert all(900 < count < 1100 for count in letters.values())
    said = Counter(answer("blind_answers", "Does the dog sleep?", sample=one) for one in ids)
    assert all(1850 < said[one] < 2150 for one in ("Yes.", "No."))


def test_a_request_without_its_source_is_refused():
    asked = request("round_trip", "0" * 20, "What?", (), CAPTION, recipe.Sampling())
    bare = type(asked)(
        asked.id, asked.task, asked.messages, {"question": "What?", "options": ""}, "1", None, asked.sampling
    )
    with pytest.raises(EngineError, match=r"round_trip.*'caption'"):
        list(RulesEngine().generate([bare]))


GOLDEN = {"1": "76069b2c8c7096e11b7589c8c537d8b9"}
"""Digest of the answers below by the engine's version: another digest wants another version."""


def test_output_changes_only_with_the_version():
    digest = hashlib.blake2b(digest_size=16)
    for number in range(50):
        for task in ("round_trip", "blind_answers"):
            for question in ("What does the dog lie on?", "What leans on the wall?", "Does the lamp stand there?"):
                for options in ((), ("A red bicycle", "A dog", "A mat", "A door"), ("A", "B")):
                    digest.update(answer(task, question, options, sample=sample_id(str(number))).encode())
    assert GOLDEN.get(VERSION) == digest.hexdigest(), "output has changed: bump VERSION and record its digest"
