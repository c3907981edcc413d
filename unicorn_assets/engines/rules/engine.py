"""The `rules` engine: answers from a request's structured source and its row's seed alone."""

from collections.abc import Generator, Iterable

from unicorn_assets.engines.base import Answer, Model, Request
from unicorn_assets.engines.rules.answering import guess, read
from unicorn_assets.engines.rules.dialogs import dialog
from unicorn_assets.engines.rules.expansion import expand
from unicorn_assets.engines.rules.judging import grades
from unicorn_assets.errors import EngineError

VERSION = "1"
"""Bumped by hand when any answer changes; golden tests tell when that is due."""


class RulesEngine:
    """A deterministic writer by rule. It never looks at the messages, the model settings or other rows."""

    def __init__(self) -> None:
        self._model = Model(engine="rules", name="rules", revision=VERSION)

    @property
    def model(self) -> Model:
        """Who answers: the engine itself, with its version as the revision."""
        return self._model

    def generate(self, requests: Iterable[Request]) -> Generator[tuple[Request, Answer], None, None]:
        """Answers each request in its turn, one at a time.

        Raises:
            EngineError: a request's source lacks what its task is about: `seed`, `caption`, `question`, `options`.
        """
        for request in requests:
            yield request, Answer(_answer(request))

    def close(self) -> None:
        """Nothing is held."""


def _probed(request: Request) -> str:
    source, number = request.source, request.sampling.seed
    options = source["options"].split("\n") if source["options"] else []
    if request.task == "blind_answers":
        return guess(source["question"], options, number)
    return read(source["question"], options, source["caption"], number)


def _answer(request: Request) -> str:
    try:
        if request.task == "expansion":
            return expand(request.source["seed"], request.sampling.seed)
        if request.task == "round_trip" or request.task == "blind_answers":
            return _probed(request)
        if request.task == "judged_captions":
            return grades(request.source["seed"], request.source["caption"])
        return dialog(request.task, request.source["seed"], request.source["caption"], request.sampling.seed)
    except KeyError as missing:
        raise EngineError(
            f"Request {request.id} ({request.task}) has no {missing} in its source.",
            "put it into the source that the messages are rendered from.",
        ) from None
