"""The LLaVA files and their written schema."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.release.llava import ArrayWriter, schema
from unicorn_assets_tests.release.lakes import SmallLake, conversations

VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("table", ["pretrain", "instruction"])
def test_released_files_pass_the_schema(made: tuple[SmallLake, Path], table: str) -> None:
    records = json.loads((made[1] / "llava" / f"{table}.json").read_text(encoding="utf-8"))
    assert records
    VALIDATOR.validate(records)


def turn(speaker: str, value: str) -> dict[str, str]:
    return {"from": speaker, "value": value}


WRONG: dict[str, dict[str, Any]] = {
    "id of another length": {"id": "abc"},
    "id as a number": {"id": 7},
    "empty caption": {"caption": " \n"},
    "an image key": {"image": "a.jpg"},
    "no turn": {"conversations": []},
    "a question alone": {"conversations": [turn("human", "What?\n<image>")]},
    "no image token": {"conversations": [turn("human", "What?"), turn("gpt", "That.")]},
    "two image tokens": {"conversations": [turn("human", "<image>\nWhat?\n<image>"), turn("gpt", "That.")]},
    "image token in the answer": {"conversations": [turn("human", "<image>\nWhat?"), turn("gpt", "<image>")]},
    "image token later": {"conversations": [*conversations("c", 1), turn("human", "<image>"), turn("gpt", "That.")]},
    "gpt first": {"conversations": [turn("gpt", "<image>"), turn("human", "What?")]},
    "another speaker": {"conversations": [*conversations("c", 1), turn("user", "What?"), turn("gpt", "That.")]},
    "an empty answer": {"conversations": [turn("human", "<image>"), turn("gpt", "")]},
    "a turn with more": {"conversations": [turn("human", "<image>") | {"weight": 1}, turn("gpt", "That.")]},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_the_schema_refuses(change: dict[str, Any]) -> None:
    record = {"id": "0a" * 10, "caption": "A dog.", "conversations": conversations("A dog.", 2)}
    assert VALIDATOR.is_valid([record])
    assert not VALIDATOR.is_valid([record | change])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=8)), max_size=4), max_size=4))
def test_whatever_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, batches: list[Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "written.json"
    with ArrayWriter(path) as writer:
        for batch in batches:
            writer.write(batch)
    assert json.loads(path.read_text(encoding="utf-8")) == [record for batch in batches for record in batch]


def test_a_failure_leaves_no_file_that_looks_whole(tmp_path: Path) -> None:
    def fail() -> None:
        with ArrayWriter(tmp_path / "a.json") as writer:
            writer.write([{"id": "1"}])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with pytest.raises(json.JSONDecodeError):
        json.loads((tmp_path / "a.json").read_text())
