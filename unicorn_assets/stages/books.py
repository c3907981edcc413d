"""The books on one asking: what it uses, written down as it goes, and whether the budget has room for one request more.

A request is let through when all that is spent, and the most that it and those in flight can take, stays within the
limits. That most is certain: a token is at least one byte of the prompt, an answer ends at `max_tokens`, and one that
ran out of room is asked once more with twice as much. So a limit in tokens, or in money for tokens, is never crossed
by an answer that comes; hours are, by what was in flight. What a server charges for a request that timed out, nobody
knows.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain

from unicorn_assets import ledger
from unicorn_assets.engines.base import REFUSED, Answer, Engine, Request
from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.errors import UnicornError
from unicorn_assets.ledger import Amount, Entry, Figures, Limits
from unicorn_assets.processes import Process
from unicorn_assets.settings import Prices, Settings
from unicorn_assets.stages.accounting import Usage
from unicorn_assets.stages.settling import money_of, price, settle, take_over, unreported
from unicorn_assets.stages.tools import Tools

WRITE_SECONDS = 1.0
"""Time between two entries into the books; a kill loses none of the answers, and of the hours no more than this."""
TEMPLATE_TOKENS = 64
"""Most tokens that a server's chat template puts around a prompt."""
TRIES = 3
"""An answer with its room and one with twice as much."""

log = logging.getLogger(__name__)


def most(request: Request, prices: Prices) -> Amount:
    """The most tokens and money that a request can take."""
    schema = json.dumps(request.schema) if request.schema is not None else ""
    read = sum(len(message.content.encode()) for message in request.messages) + len(schema) + TEMPLATE_TOKENS
    written = TRIES * request.sampling.max_tokens
    return Amount(2 * read + written, Usage(2 * read, written).money(prices))


def limits(settings: Settings) -> Limits:
    """The budget that the settings set."""
    return Limits(**settings.budget.model_dump())


class Unbooked:
    """The books on an engine that reports nothing: it costs nothing, and all may be asked."""

    held_back = waits = False
    need = Amount()

    def admitted(self, requests: Iterator[Request]) -> Iterator[Request]:
        """All requests."""
        return requests

    def landed(self, request: Request, answer: Answer, shard: str) -> None:
        """Nothing is counted."""


class Books:
    """The books on one asking.

    Args:
        tools: home and settings.
        engine: who is asked.
        stage: whose answers they are.
        stores: the stores by shard; read by the thread that asks alone.

    Attributes:
        held_back: whether the budget had no room for the next request; it is kept for the next `admitted`.
        need: the most that the last request can take that was looked at.
        waits: whether other processes hold that room and may give it back.
    """

    def __init__(self, tools: Tools, engine: Engine, stage: str, stores: Mapping[str, AnswerStore]) -> None:
        self.held_back = self.waits = False
        self.need = Amount()
        self._tools, self._prices, self._limits = tools, tools.settings.prices, limits(tools.settings)
        self._engine = engine
        self._stores, self._stage = stores, stage
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._figures, self._journals = (
            Figures(),
            {self._name(shard): store.journal_end for shard, store in stores.items()},
        )
        self._flying, self._free, self._in_flight = Amount(), Amount(), 0
        self._waiting: list[Request] = []
        self._started, self._reserved = time.monotonic(), float("-inf")
        self._stats = getattr(engine, "stats", None)
        with ledger.opened(tools.home.state) as found:
            price(found, self._prices)
            self._number = found.begin(stage, Process.of(os.getpid()).written(), self._journals, self._read())
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._keep, name=f"books of {stage}", daemon=True)
        self._writer.start()

    def admitted(self, requests: Iterator[Request]) -> Iterator[Request]:
        """The requests that the budget has room for, one by one."""
        self.held_back = False
        waiting, self._waiting = self._waiting, []
        for request in chain(waiting, requests):
            if self._limits and not self._let_through(request):
                self.held_back = True
                self._waiting = [request]
                return
            with self._lock:
                self._in_flight += 1
            yield request

    def _let_through(self, request: Request) -> bool:
        need, now = most(request, self._prices), time.monotonic()
        self.need = need
        if not need.fits(self._free) or now - self._reserved > WRITE_SECONDS:
            with self._writing, ledger.opened(self._tools.home.state) as found:
                entry, _ = self._now()
                room = found.reserve(entry, self._flying, need, self._limits)
                if room is None and not self._in_flight:
                    self.waits = found.is_held(need, self._limits)
                    if not self.waits:
                        found.stop(need)
                self._free, self._reserved = room or Amount(), now
            if room is None:
                return False
        with self._lock:
            self._free, self._flying = self._free - need, self._flying + need
        return True

    def landed(self, request: Request, answer: Answer, shard: str) -> None:
        """Counts an answer that stands in its shard's store now."""
        prompt, completion = answer.prompt_tokens, answer.completion_tokens
        if not prompt and not completion and answer.finish_reason != REFUSED:
            prompt = sum(unreported(message.content) for message in request.messages)
            completion = unreported(answer.text)
        with self._lock:
            self._in_flight -= 1
            if self._limits:
                self._flying -= most(request, self._prices)
            self._journals[self._name(shard)] = self._stores[shard].journal_end
            used = self._figures
            self._figures = replace(
                used,
                answers=used.answers + 1,
                prompt_tokens=used.prompt_tokens + prompt,
                completion_tokens=used.completion_tokens + completion,
            )

    def _name(self, shard: str) -> str:
        """A store's path below HOME/answers."""
        return f"{self._stage}/{shard}"

    def _read(self) -> Figures:
        """What was used until now, with the time and the money."""
        asked = time.monotonic() - self._started
        devices = getattr(self._engine, "devices", 0)
        used = replace(self._figures, seconds=asked * max(1, devices), device_seconds=asked * devices)
        return replace(used, money=money_of(used, self._prices))

    def _now(self) -> tuple[Entry, Amount]:
        """The entry as it is to be written, and what is held for requests in flight and to come."""
        with self._lock:
            entry = Entry(self._number, "", self._read(), self._in_flight, dict(self._journals))
            return entry, self._flying + self._free

    def _keep(self) -> None:
        while not self._ended.wait(WRITE_SECONDS):
            try:
                with self._writing, ledger.opened(self._tools.home.state) as found:
                    found.write(*self._now())
            except UnicornError as error:  # the answers stand in their stores, and are counted from there
                log.warning("What was spent is written down later: %s", error.what)

    def close(self) -> None:
        """Writes down what was used in all; what the server reported beyond the answers that came, too."""
        self._ended.set()
        self._writer.join()
        now = getattr(self._engine, "stats", None)
        if now is not None and self._stats is not None:
            with self._lock:
                self._figures = replace(
                    self._figures,
                    prompt_tokens=max(self._figures.prompt_tokens, now.prompt_tokens - self._stats.prompt_tokens),
                    completion_tokens=max(
                        self._figures.completion_tokens, now.completion_tokens - self._stats.completion_tokens
                    ),
                )
        with ledger.opened(self._tools.home.state) as found:
            found.write(*self._now(), close=True)


@contextmanager
def booked(tools: Tools, engine: Engine, stage: str, stores: Mapping[str, AnswerStore]) -> Iterator[Books | Unbooked]:
    """The books on one asking, closed when the block ends.

    Raises:
        LakeError: HOME/state.sqlite cannot be used.
        BusyError: somebody else has been writing to it for too long.
    """
    settle(tools.home, tools.settings.prices)
    if getattr(engine, "stats", None) is None:
        yield Unbooked()
        return
    take_over(tools.home)
    books = Books(tools, engine, stage, stores)
    try:
        yield books
    except BaseException:
        with suppress(UnicornError):  # the entry stays open, and is settled when this process is gone
            books.close()
        raise
    books.close()
