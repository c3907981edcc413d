"""What each request says, and that its text and its version change together."""

import hashlib
import json
from typing import get_args

import pytest

from unicorn_assets import recipe
from unicorn_assets.curation.wording import SOURCE_LEAK
from unicorn_assets.engines.base import DialogTask, Message, Task
from unicorn_assets.identity import row_seed
from unicorn_assets.synthesis.prompts import TEMPLATES, request
from unicorn_assets.synthesis.shapes import SHAPES, schema

SAMPLE = "00112233445566778899"
SOURCE = {"seed": "A dog on a beach.", "caption": "A brown dog stands on a wide beach."}
TASKS = get_args(Task)


def ask(task, source=SOURCE, id=SAMPLE):
    return request(task, id, source, recipe.Sampling())


GOLDEN = {
    "expansion-1": "6286c4d495de12e4",
    "multiple_choice-1": "d49ab67c77a9689b",
    "question_answering-1": "0c63d5e4532afaaa",
    "complex_reasoning-1": "6728d13978b3bccf",
}


@pytest.mark.parametrize("task", TASKS)
def test_text_and_schema_change_only_with_the_version(task):
    asked = ask(task)
    rendered = json.dumps([[m.role, m.content] for m in asked.messages] + [asked.schema], sort_keys=True)
    digest = hashlib.blake2b(rendered.encode(), digest_size=8).hexdigest()
    assert GOLDEN[asked.prompt_version] == digest, "a new text needs a new version"


@pytest.mark.parametrize("task", TASKS)
def test_version_names_its_task(task):
    name, _, number = TEMPLATES[task].version.rpartition("-")
    assert name == task
    assert int(number) >= 1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "text", ["braces {seed} {0} {", "%s %(caption)s 100%", "<image> at the start", "back\\slash $seed", "two\nlines"]
)
def test_material_is_rendered_verbatim(task, text):
    asked = ask(task, {"seed": text, "caption": text})
    assert asked.messages[-1].role == "user"
    assert asked.messages[-1].content.endswith("\n" + text)


def test_expansion_is_about_the_seed_and_dialogs_about_the_caption():
    assert ask("expansion", {"seed": "A dog."}).messages[-1].content.endswith("\nA dog.")
    for task in get_args(DialogTask):
        assert ask(task).messages[-1].content.endswith("\n" + SOURCE["caption"])
        with pytest.raises(KeyError):
            ask(task, {"seed": "A dog."})


def test_only_dialogs_ask_for_json():
    assert ask("expansion").schema is None
    for task in get_args(DialogTask):
        assert ask(task).schema == SHAPES[task].model_json_schema()


def test_schema_is_closed_and_counts_pairs():
    for task, least, most in (("multiple_choice", 6, 8), ("question_answering", 6, 8), ("complex_reasoning", 2, 4)):
        pairs = schema(task)["properties"]["pairs"]
        assert (pairs["minItems"], pairs["maxItems"]) == (least, most)
        assert schema(task)["additionalProperties"] is False
        assert f"{least} to {most}" in TEMPLATES[task].user


@pytest.mark.parametrize("task", TASKS)
def test_sampling_is_the_recipes_with_the_rows_own_seed(task):
    sampling = recipe.Sampling(temperature=0.3, top_p=0.5, max_tokens=77)
    first = request(task, SAMPLE, SOURCE, sampling).sampling
    assert (first.temperature, first.top_p, first.max_tokens) == (0.3, 0.5, 77)
    assert first.seed == row_seed(SAMPLE, task)
    assert first.seed != ask(task, id="f" * 20).sampling.seed


def test_tasks_have_seeds_of_their_own():
    assert len({ask(task).sampling.seed for task in TASKS}) == len(TASKS)


def test_request_carries_its_source():
    asked = ask("expansion", {"seed": "A dog."})
    assert asked.source == {"seed": "A dog."}
    assert asked.id == SAMPLE
    assert isinstance(asked.messages[0], Message)


@pytest.mark.parametrize("task", get_args(DialogTask))
def test_what_a_dialog_prompt_calls_its_material_is_found_when_it_leaks(task):
    word = TEMPLATES[task].user.strip().splitlines()[-1].lower()
    for leak in (
        f"The {word} mention a dog.",
        f"According to the {word}, it rains.",
        f"The {word} do not say, but the ",
    ):
        assert SOURCE_LEAK.search(leak), leak
