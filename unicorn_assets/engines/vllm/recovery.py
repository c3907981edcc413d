"""Asking over as many servers as it takes: what was in flight when one died is asked again, suspects by themselves."""

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from itertools import chain

from unicorn_assets.engines.base import REFUSED, Answer, Request
from unicorn_assets.engines.openai.asker import PLAIN
from unicorn_assets.engines.vllm.group import State
from unicorn_assets.engines.vllm.suspects import Asked, Suspects
from unicorn_assets.engines.vllm.tenant import Tenant
from unicorn_assets.engines.vllm.turns import Turns
from unicorn_assets.errors import EngineDownError, EngineError
from unicorn_assets.settings import Settings

DEATHS_IN_A_ROW = 10
"""So many deaths without one answer between them are not the rows' fault."""

log = logging.getLogger(__name__)
Answers = Generator[tuple[Request, Answer], None, None]


class Recovery:
    """One asking: what is in flight, what is under suspicion, and how often the server has died.

    Args:
        tenant: the lease.
        ask: asks one server for what it is fed; raises EngineError when that server fails.
        settings: patience, time for one answer, and how many deaths a row is allowed.
    """

    def __init__(self, tenant: Tenant, ask: Callable[[State, Iterator[Request]], Answers], settings: Settings) -> None:
        self._tenant = tenant
        self._ask = ask
        self._turns = Turns(tenant.group.folder)
        self._patience = settings.endpoint.patience_seconds
        self._longest = settings.endpoint.timeout_seconds
        self._most_deaths = max(DEATHS_IN_A_ROW, 3 * settings.vllm.poison_after)
        self._suspects = Suspects(settings.vllm.poison_after)
        self._exhausted = False
        self._answered = False
        self._set_aside: list[Asked] = []
        self._deaths = 0
        self._silent_since: float | None = None

    def answers(self, requests: Iterator[Request]) -> Answers:
        """The answer to each request, in any order.

        Raises:
            EngineDownError: the server keeps dying, or gives no answer; may be retried.
            EngineError: the server does not start, or refuses every request.
        """
        source: Iterator[Asked] = map(Asked, requests)
        while True:
            if self._suspects:
                with self._turns.alone(self._longest) as alone:
                    group = deque(self._suspects.next_group())
                    again = yield from self._round(_popped(group), alone=alone)
                    self._suspects.back([*again, *group])
            else:
                with self._turns.together():
                    again = yield from self._round(self._until_wanted(source), alone=False)
                    source = chain(again, source)
                if not again and not self._suspects and self._exhausted:
                    break
        if self._set_aside and not self._answered:
            self._make_sure(self._set_aside[0].request)
        yield from self._believed()

    def _until_wanted(self, source: Iterator[Asked]) -> Iterator[Asked]:
        """What is asked among others, until somebody wants to be alone with the server."""
        while not self._turns.wanted():
            asked = next(source, None)
            if asked is None:
                self._exhausted = True
                return
            yield asked

    def _round(self, rows: Iterator[Asked], *, alone: bool) -> Generator[tuple[Request, Answer], None, list[Asked]]:
        """Asks one server, until the rows end or it fails. Returns what is to be asked again, under no suspicion."""
        served = self._tenant.served()
        flying: dict[int, Asked] = {}

        def feed() -> Iterator[Request]:
            for asked in rows:
                flying[id(asked.request)] = asked
                yield asked.request

        try:
            for request, answer in self._ask(served, feed()):
                del flying[id(request)]
                self._answered, self._deaths, self._silent_since = True, 0, None
                yield from self._believed()
                yield request, answer
        except EngineError as error:
            if self._tenant.has_lost(served):
                self._died(list(flying.values()), alone)
                return []
            self._bear_with(error)
        return list(flying.values())

    def _bear_with(self, error: EngineError) -> None:
        """A server that lives but gives no answer gets as much patience as any other.

        Raises:
            EngineError: that has run out, or patience will not help.
        """
        now = time.monotonic()
        self._silent_since = now if self._silent_since is None else self._silent_since
        if not isinstance(error, EngineDownError) or now - self._silent_since >= self._patience:
            raise error

    def _died(self, flying: list[Asked], alone: bool) -> None:
        self._deaths += 1
        self._silent_since = None
        log.warning("The vLLM server died with %d requests in flight; they are asked again.", len(flying))
        if self._deaths >= self._most_deaths:
            raise self._keeps_dying(f"died {self._deaths} times in a row without an answer")
        self._set_aside += self._suspects.died(flying, alone=alone)

    def _believed(self) -> Answers:
        """The rows set aside, once the server has answered another: such answers are kept for good."""
        for one in self._set_aside:
            yield (
                one.request,
                Answer(
                    f"set aside: the vLLM server died {one.deaths} times with this row in flight, the last time with "
                    "nothing else (vllm.poison_after in settings.toml)",
                    REFUSED,
                ),
            )
        self._set_aside = []

    def _make_sure(self, like: Request) -> None:
        """Asks a plain question, so that a row is not set aside for a server that dies of anything.

        Raises:
            EngineDownError: there is no answer to that either.
        """
        plain = replace(like, messages=PLAIN, schema=None)
        try:
            list(self._ask(self._tenant.served(), iter((plain,))))
        except EngineDownError:
            raise self._keeps_dying("answers no row, and not a plain question either") from None

    def _keeps_dying(self, what: str) -> EngineDownError:
        return EngineDownError(
            f"The vLLM server {what}. Its log: {self._tenant.group.log}",
            "mend what the log says, and run again: finished answers are kept.",
        )


def _popped(rows: deque[Asked]) -> Iterator[Asked]:
    while rows:
        yield rows.popleft()
