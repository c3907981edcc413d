"""Asks an engine for what the answer store does not hold yet, then hands out all answers in the order of the rows.

Two passes over the requests keep memory flat and let the engine answer in any order: an answer counts once it is
stored, and the second pass reads them back.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from unicorn_assets.engines.base import Answer, Engine, Request
from unicorn_assets.errors import LakeError
from unicorn_assets.progress import Progress
from unicorn_assets.settings import Prices
from unicorn_assets.stages.accounting import Usage, bill, tariff
from unicorn_assets.stages.books import booked
from unicorn_assets.stages.budget import exceeded
from unicorn_assets.stages.settling import settle
from unicorn_assets.stages.stores import Stores
from unicorn_assets.stages.tools import Tools

HELD_SECONDS = 0.5
"""Time between two looks whether other processes have given room in the budget back."""


@dataclass
class Asked:
    """What the asking took.

    Args:
        requests: rows asked for.
        reused: rows whose answer the store held.
        retries: HTTP requests beyond one a row.
        prompt_tokens: tokens read, those of dropped answers included.
        completion_tokens: tokens written, likewise.
        seconds: time from the first question to the last answer.
        devices: devices of ours that were at work meanwhile.
        log: where the server of ours writes its log; empty where there is none.
    """

    requests: int = 0
    reused: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    devices: int = 0
    log: str = ""

    def metrics(self, prices: Prices, rows: int) -> dict[str, Any]:
        """The figures as the sidecar holds them; `rows` came of it."""
        usage = Usage(self.prompt_tokens, self.completion_tokens, self.seconds * self.devices)
        return {
            "requests": self.requests,
            "answers_reused": self.reused,
            "retries": self.retries,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "device_seconds": round(usage.device_seconds, 3),
            **({"engine_log": self.log} if self.log else {}),
            **bill(usage, prices, rows),
            **tariff(prices),
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
    engine: Engine | None = None,
) -> Iterator[tuple[Request, Answer]]:
    """Answers to all requests, in their order.

    Args:
        tools: home, settings and the recipe's engine.
        stage: the stage that the answers belong to; the calibration sample shares `expanded_captions`.
        shard: the shard that the requests' rows belong to.
        requests: makes the requests anew at each call, always the same ones.
        asked: counts what the asking took.
        total: number of rows that may ask, for the progress.
        progress: told how many answers are there.
        complete: whether these are all requests of the shard, so that its store can be compacted.
        engine: who is asked; the recipe's own engine if not given.

    Raises:
        BudgetError: the settings' budget has no room for the next request; what was in flight is stored.
        EngineError: the engine cannot go on; finished answers are kept.
    """
    yield from gathered(
        tools,
        stage,
        {shard: complete},
        lambda request: shard,
        requests,
        asked=asked,
        total=total,
        progress=progress,
        engine=engine,
    )


def gathered(
    tools: Tools,
    stage: str,
    shards: Mapping[str, bool],
    shard_of: Callable[[Request], str],
    requests: Callable[[], Iterable[Request]],
    *,
    asked: Asked,
    total: int,
    progress: Progress,
    landed: Callable[[Request, Answer], None] = lambda request, answer: None,
    engine: Engine | None = None,
) -> Iterator[tuple[Request, Answer]]:
    """Answers to all requests of many shards, in their order; asked for together, so that enough are in flight.

    Args:
        tools: home, settings and the recipe's engine.
        stage: the stage that the answers belong to.
        shards: the shards, each with whether these are all requests of it, so that its store can be compacted.
        shard_of: the shard of a request.
        requests: makes the requests anew at each call, always the same ones; best shard by shard.
        asked: counts what the asking took.
        total: number of rows that may ask, for the progress.
        progress: told how many answers are there.
        landed: told of each answer that was asked for.
        engine: who is asked; the recipe's own engine if not given.

    Raises:
        BudgetError: the settings' budget has no room for the next request; what was in flight is stored.
        EngineError: the engine cannot go on; finished answers are kept.
        BusyError: another process has the answers of a shard open.
    """
    with Stores(tools.home, stage, shards) as stores:
        ask(
            tools,
            stage,
            stores,
            shard_of,
            requests(),
            asked=asked,
            total=total,
            progress=progress,
            landed=landed,
            engine=engine,
        )
        for shard, complete in shards.items():
            if complete:
                stores[shard].compact()
        stores.sync()
        model = (engine or tools.engine).model
        for request in requests():
            stored = stores[shard_of(request)].get(request.key(model))
            if stored is None:
                raise LakeError(
                    f"The answer for {request.id} is missing from the store of {stage} [{shard_of(request)}].",
                    "run again; it is asked for once more.",
                )
            yield request, stored


def ask(
    tools: Tools,
    stage: str,
    stores: Stores,
    shard_of: Callable[[Request], str],
    requests: Iterable[Request],
    *,
    asked: Asked,
    total: int,
    progress: Progress,
    landed: Callable[[Request, Answer], None] = lambda request, answer: None,
    engine: Engine | None = None,
) -> None:
    """Asks for what the stores do not hold, of all their shards at once; each answer counts once it is stored.

    Args:
        tools: home, settings and the recipe's engine.
        stage: the stage that the answers belong to.
        stores: the stores by shard, open or to be opened.
        shard_of: the shard of a request.
        requests: what is wanted.
        asked: counts what the asking took.
        total: number of rows that may ask, for the progress.
        progress: told how many answers are there.
        landed: told of each answer that was asked for.
        engine: who is asked; the recipe's own engine if not given.

    Raises:
        BudgetError: the settings' budget has no room for the next request; what was in flight is stored.
        EngineError: the engine cannot go on; finished answers are kept.
    """
    engine = engine or tools.engine
    model, done = engine.model, 0

    def missing() -> Iterator[Request]:
        for request in requests:
            shard = shard_of(request)
            if request.key(model) in stores[shard]:
                asked.reused += 1
            else:
                asked.requests += 1
                stores.hold(shard)
                yield request

    source = missing()
    with (
        _metered(engine, asked),
        booked(tools, engine, stage, stores) as books,
    ):
        while True:
            before = done
            # Closed at once where storing fails: a traceback would keep the generator, and its connections, alive.
            with closing(engine.generate(books.admitted(source))) as answered:
                for request, answer in answered:
                    done, shard = done + 1, shard_of(request)
                    stores[shard].put(request.key(model), request, model, answer)
                    books.landed(request, answer, shard)
                    landed(request, answer)
                    stores.landed(shard)
                    progress(asked.reused + done, total)
            if not books.held_back:
                return
            if done > before:
                continue  # what was in flight may have taken less than it could
            if not books.waits:
                break
            time.sleep(HELD_SECONDS)
            settle(tools.home, tools.settings.prices)  # what a process held that was killed
            progress(asked.reused + done, total)
    where = f"{stage} [{next(iter(stores))}]" if len(stores) == 1 else stage
    raise exceeded(tools, books.need, where, f"has {asked.reused + done:,} of {total:,} answers")


@contextmanager
def _metered(engine: Engine, asked: Asked) -> Iterator[None]:
    """Adds what the engine reports between beginning and end; an engine that reports nothing costs nothing."""
    before, started = getattr(engine, "stats", None), time.monotonic()
    try:
        yield
    finally:
        after = getattr(engine, "stats", None)
        if before is not None and after is not None:
            asked.retries += after.retries - before.retries
            asked.prompt_tokens += after.prompt_tokens - before.prompt_tokens
            asked.completion_tokens += after.completion_tokens - before.completion_tokens
            asked.seconds += time.monotonic() - started
            asked.devices = getattr(engine, "devices", 0)
            asked.log = str(getattr(engine, "log", None) or "")
