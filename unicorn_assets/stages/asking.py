"""Asks an engine for what the answer store does not hold yet, then hands out all answers in the order of the rows.

Two passes over the requests keep memory flat and let the engine answer in any order: an answer counts once it is
stored, and the second pass reads them back.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from unicorn_assets.engines.base import Answer, Request
from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.errors import LakeError
from unicorn_assets.stages.base import Progress
from unicorn_assets.stages.tools import Tools


@dataclass
class Asked:
    """What the asking took."""

    requests: int = 0
    reused: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def metrics(self) -> dict[str, Any]:
        """The figures as the sidecar holds them."""
        return {
            "requests": self.requests,
            "answers_reused": self.reused,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


def answers(
    tools: Tools,
    stage: str,
    shard: str,
    requests: Callable[[], Iterable[Request]],
    *,
    asked: Asked,
    total: int,
    progress: Progress,
    complete: bool = True,
) -> Iterator[tuple[Request, Answer]]:
    """Answers to all requests, in their order.

    Args:
        tools: home and engine.
        stage: the stage that the answers belong to; the calibration sample shares `expanded_captions`.
        shard: the shard that the requests' rows belong to.
        requests: makes the requests anew at each call, always the same ones.
        asked: counts what the asking took.
        total: number of rows that may ask, for the progress.
        progress: told how many answers are there.
        complete: whether these are all requests of the shard, so that its store can be compacted.

    Raises:
        EngineError: the engine cannot go on; finished answers are kept.
    """
    model = tools.engine.model
    with AnswerStore(tools.home.answers(stage, shard)) as store:

        def missing() -> Iterator[Request]:
            for request in requests():
                if request.key(model) in store:
                    asked.reused += 1
                else:
                    asked.requests += 1
                    yield request

        for done, (request, answer) in enumerate(tools.engine.generate(missing()), start=1):
            store.put(request.key(model), request, model, answer)
            asked.prompt_tokens += answer.prompt_tokens
            asked.completion_tokens += answer.completion_tokens
            progress(asked.reused + done, total)
        if complete:
            store.compact()
        else:
            store.sync()
        for request in requests():
            stored = store.get(request.key(model))
            if stored is None:
                raise LakeError(
                    f"The answer for {request.id} is missing from the store of {stage} [{shard}].",
                    "run again; it is asked for once more.",
                )
            yield request, stored
