"""What each probe says, that its text and its version change together, and what is read of its answers."""

import hashlib
import json
from typing import get_args

import pytest

from unicorn_assets import recipe
from unicorn_assets.engines.base import REFUSED, Model, ProbeTask
from unicorn_assets.identity import row_seed
from unicorn_assets.synthesis.probing import TEMPLATES, parse, request

SAMPLE = "00112233445566778899"
QUESTION, OPTIONS = "What stands on the beach?", ("A dog", "A cat", "A cow", "A hen")
CAPTION = "A brown {dog} stands on a wide beach."
TASKS = get_args(ProbeTask)


def ask(task, options=OPTIONS, caption=CAPTION, question=QUESTION):
    return request(task, SAMPLE, question, options, caption, recipe.Sampling(temperature=0.0, top_p=1.0, max_tokens=77))


GOLDEN = {"round_trip-1": "c3eb03a487435fee", "blind_answers-1": "59f3e61d31a7786f"}


@pytest.mark.parametrize("task", TASKS)
def test_text_changes_only_with_the_version(task):
    asked = ask(task)
    rendered = json.dumps([[m.role, m.content] for m in asked.messages] + [asked.schema])
    digest = hashlib.blake2b(rendered.encode(), digest_size=8).hexdigest()
    assert GOLDEN[asked.prompt_version] == digest, "a new text needs a new version"
    assert TEMPLATES[task].version == asked.prompt_version


def test_the_caption_is_in_the_round_trip_alone():
    seen, blind = ask("round_trip"), ask("blind_answers")
    assert CAPTION in seen.messages[-1].content
    assert seen.source["caption"] == CAPTION
    assert "dog} stands" not in json.dumps([message.content for message in blind.messages])
    assert "caption" not in blind.source
    assert ask("blind_answers", caption="Another one.").key(Model("e", "m", "")) == blind.key(Model("e", "m", ""))
    assert ask("round_trip", caption="Another one.").key(Model("e", "m", "")) != seen.key(Model("e", "m", ""))


@pytest.mark.parametrize("task", TASKS)
def test_question_and_options_come_last_and_as_they_are(task):
    assert ask(task).messages[-1].content.endswith(f"\n{QUESTION}\nA. A dog\nB. A cat\nC. A cow\nD. A hen")
    assert ask(task, options=()).messages[-1].content.endswith(f"\n{QUESTION}")
    assert ask(task, question="What {is} %s?", options=()).messages[-1].content.endswith("\nWhat {is} %s?")
    assert ask(task).source["options"] == "\n".join(OPTIONS)


def test_sampling_is_the_recipes_and_the_seed_the_rows_own():
    sampling = ask("round_trip").sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens) == (0.0, 1.0, 77)
    assert sampling.seed == row_seed(SAMPLE, "round_trip") != ask("blind_answers").sampling.seed


@pytest.mark.parametrize(
    ("text", "reason", "found"),
    [
        (" B\n", "stop", "B"),
        ("<think>It is A. No.</think>\n\nB", "stop", "B"),
        ("two\n lines", "stop", "two lines"),
        ("B", "length", ""),
        ("<think>It is A", "length", ""),
        ("<think>It is A", "stop", ""),
        ("no usable answer", REFUSED, ""),
        ("B", "content_filter", ""),
        ("", "stop", ""),
        ("  ", "stop", ""),
    ],
)
def test_what_is_read_of_an_answer(text, reason, found):
    assert parse(text, reason) == found
