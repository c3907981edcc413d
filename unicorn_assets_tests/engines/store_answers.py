"""Answers for the tests of the answer store, and what their child processes do."""

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from unicorn_assets.engines.base import Answer, Message, Model, Request, Sampling
from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.identity import sample_id

MODEL = Model("rules", "rules", "1")

# Children are forked from one server that has imported everything, so that twenty of them take a second.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def asked(number: int, text: str | None = None) -> tuple[str, Request, Answer]:
    """Key, request and answer of one row; every seventh answer is long."""
    request = Request(
        id=sample_id(f"seed {number}"),
        task="expansion",
        messages=(Message("user", f"seed {number}"),),
        source={"seed": f"seed {number}"},
        prompt_version="1",
        schema=None,
        sampling=Sampling(0.7, 0.9, 512, number),
    )
    words = f"answer {number} " * (20_000 if number % 7 == 6 else 5)
    answer = Answer(words if text is None else text, "stop", number, 2 * number, "served")
    return request.key(MODEL), request, answer


def put(store: AnswerStore, number: int, text: str | None = None) -> str:
    key, request, answer = asked(number, text)
    store.put(key, request, MODEL, answer)
    return key


def filled(path: Path, numbers: range, text: str | None = None) -> None:
    with AnswerStore(path) as store:
        for number in numbers:
            put(store, number, text)


def put_and_tell(path: Path, count: int, tell: Connection) -> None:
    """Stores what is missing, and tells each key once `put` has returned."""
    with AnswerStore(path) as store:
        for number in range(count):
            if asked(number)[0] not in store:
                tell.send(put(store, number))


def hold(path: Path, tell: Connection) -> None:
    """Keeps a store open until it is told to stop."""
    with AnswerStore(path):
        tell.send("open")
        tell.recv()


def killed_at(path: Path, call: int, work: Callable[[AnswerStore], object]) -> None:
    """Does `work` on a store; killed just before the call with that number that syncs, renames or deletes a file."""
    left = call

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def called(*arguments: object, **options: object) -> object:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return real(*arguments, **options)

        return called

    with AnswerStore(path) as store:
        for name in ("fsync", "replace", "unlink"):
            setattr(os, name, dying(getattr(os, name)))
        work(store)
