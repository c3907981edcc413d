"""The JSON that a dialog's answer must be: one pydantic model a task, and the schema that goes with the request."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from unicorn_assets.engines.base import DialogTask


def _close(schema: dict[str, Any]) -> None:
    """Closes a JSON schema to other keys, as strict servers want it, and keeps docstrings out of the request's key."""
    schema.pop("description", None)
    schema["additionalProperties"] = False


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_extra=_close)


class Pair(_Shape):
    """A question and its answer."""

    question: str
    answer: str


class ChoicePair(Pair):
    """A question, its right option and three wrong ones."""

    distractors: Annotated[list[str], Field(min_length=3, max_length=3)]


class MultipleChoice(_Shape):
    """The answer to a multiple-choice request."""

    pairs: Annotated[list[ChoicePair], Field(min_length=6, max_length=8)]


class QuestionAnswering(_Shape):
    """The answer to a question-answering request."""

    pairs: Annotated[list[Pair], Field(min_length=6, max_length=8)]


class ComplexReasoning(_Shape):
    """The answer to a complex-reasoning request: problems with their solutions."""

    pairs: Annotated[list[Pair], Field(min_length=2, max_length=4)]


Shape = MultipleChoice | QuestionAnswering | ComplexReasoning

SHAPES: Mapping[DialogTask, type[Shape]] = {
    "multiple_choice": MultipleChoice,
    "question_answering": QuestionAnswering,
    "complex_reasoning": ComplexReasoning,
}
"""What each task's answer must be. Keys beyond it are ignored; the raw answer keeps them."""


@cache
def schema(task: DialogTask) -> dict[str, Any]:
    """JSON schema of a dialog's answer. One object a task, shared by all requests: not to be changed."""
    return SHAPES[task].model_json_schema()
