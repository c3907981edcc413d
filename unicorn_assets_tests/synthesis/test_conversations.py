"""Conversations in LLaVA's form."""

import hashlib
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.identity import sample_id
from unicorn_assets.synthesis.answers import InvalidAnswer, Turn
from unicorn_assets.synthesis.conversations import (
    CHOOSE,
    CONVERSATION_VERSION,
    DESCRIBE,
    IMAGE,
    instruction,
    pretrain,
)

SAMPLE = "00112233445566778899"
TURNS = [Turn("What is it?", "It is a dog."), Turn("Where is it?", "It is on a beach.")]
CHOICES = [
    Turn("What is it?", "B", ("A cat", "A dog", "A cow", "A hen")),
    Turn("Where is it?", "D", ("At home", "In a field", "On a boat", "On a beach")),
]
IDS = [sample_id(f"seed {n}") for n in range(2000)]

words = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=12)


def images(conversation):
    return sum(turn["value"].count(IMAGE) for turn in conversation)


def test_pretrain_asks_for_a_description_and_answers_with_the_caption():
    human, gpt = pretrain(SAMPLE, "A dog stands there.")
    assert gpt == {"from": "gpt", "value": "A dog stands there."}
    assert human["from"] == "human"
    assert human["value"].replace(IMAGE, "").strip() in DESCRIBE


def test_prompts_are_many_and_differ():
    assert len(set(DESCRIBE)) == len(DESCRIBE) >= 12
    assert not any(IMAGE in prompt for prompt in DESCRIBE)


def test_prompts_and_places_are_drawn_evenly():
    firsts = [pretrain(id, "A dog.")[0]["value"] for id in IDS]
    starts = sum(first.startswith(IMAGE + "\n") for first in firsts)
    assert starts + sum(first.endswith("\n" + IMAGE) for first in firsts) == len(IDS)
    assert 900 < starts < 1100
    prompts = Counter(first.replace(IMAGE, "").strip() for first in firsts)
    assert set(prompts) == set(DESCRIBE)
    assert min(prompts.values()) > 80


def test_instruction_has_the_image_in_the_first_turn_alone():
    for id in IDS[:50]:
        conversation = instruction(id, "question_answering", TURNS)
        assert [turn["from"] for turn in conversation] == ["human", "gpt", "human", "gpt"]
        assert conversation[0]["value"] in (f"{IMAGE}\nWhat is it?", f"What is it?\n{IMAGE}")
        assert [turn["value"] for turn in conversation[1:]] == ["It is a dog.", "Where is it?", "It is on a beach."]


def test_options_stand_below_their_question():
    conversation = instruction(SAMPLE, "multiple_choice", CHOICES)
    assert conversation[2]["value"].splitlines() == [
        "Where is it?",
        "A: At home",
        "B: In a field",
        "C: On a boat",
        "D: On a beach",
        CHOOSE,
    ]
    assert [turn["value"] for turn in conversation[1::2]] == ["B", "D"]
    assert conversation[0]["value"].replace(IMAGE, "").strip().splitlines()[0] == "What is it?"


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1999), st.lists(st.tuples(words, words), min_size=1, max_size=8))
def test_exactly_one_image_or_a_refusal(n, pairs):
    turns = [Turn(question, answer) for question, answer in pairs]
    try:
        conversation = instruction(IDS[n], "question_answering", turns)
    except InvalidAnswer:
        return
    assert images(conversation) == 1
    assert IMAGE in conversation[0]["value"]
    assert len(conversation) == 2 * len(pairs)


@pytest.mark.parametrize("token", [IMAGE, "<IMAGE>", "< image >", "<|im_end|>", "</s>"])
def test_token_in_any_text_is_refused(token):
    broken = f"A dog {token} there"
    calls = [
        lambda: pretrain(SAMPLE, broken),
        lambda: instruction(SAMPLE, "question_answering", [*TURNS, Turn(broken, "Yes.")]),
        lambda: instruction(SAMPLE, "question_answering", [*TURNS, Turn("Is it?", broken)]),
        lambda: instruction(SAMPLE, "multiple_choice", [Turn("Is it?", "A", (broken, "b", "c", "d"))]),
    ]
    for call in calls:
        with pytest.raises(InvalidAnswer) as caught:
            call()
        assert caught.value.reason == "image_token"


def test_nothing_to_say_is_refused():
    for call, expected in (
        (lambda: pretrain(SAMPLE, " "), "empty_field"),
        (lambda: instruction(SAMPLE, "question_answering", []), "empty"),
    ):
        with pytest.raises(InvalidAnswer) as caught:
            call()
        assert caught.value.reason == expected


GOLDEN = {1: "9f8b3762b3b7a13b"}


def test_output_changes_only_with_the_version():
    made = [pretrain(id, "A dog.") for id in IDS[:40]]
    made += [instruction(id, "multiple_choice", CHOICES) for id in IDS[:10]]
    made += [instruction(id, "complex_reasoning", TURNS) for id in IDS[:10]]
    digest = hashlib.blake2b(json.dumps(made).encode(), digest_size=8).hexdigest()
    assert GOLDEN[CONVERSATION_VERSION] == digest, "a new conversation needs a new CONVERSATION_VERSION"
