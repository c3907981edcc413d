"""Where requests wait for their turn: no more go through than the window allows, and none during a pause."""

import asyncio
import random
from collections import deque

from unicorn_assets.engines.openai.faults import FaultError, OverloadedError, StalledError, UnreachableError
from unicorn_assets.engines.openai.outage import Outage
from unicorn_assets.engines.openai.window import Window

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 10.0


def jittered(tries: int) -> float:
    """Seconds to wait after so many failures in a row, spread so that clients do not come back together."""
    return min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(tries - 1, 10)) * random.uniform(0.5, 1.0)


class Gate:
    """Lets requests through to one server. Used inside one event loop.

    Args:
        window: how many may be in flight; outlives the gate.
        outage: the patience with the server.
    """

    def __init__(self, window: Window, outage: Outage) -> None:
        self._window = window
        self._outage = outage
        self._inside = 0
        self._closed_until = 0.0
        self._failures = 0
        self._failed_at = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> float:
        """Waits for a place and takes it; says when, by the loop's clock."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if now < self._closed_until:
                await asyncio.sleep(self._closed_until - now)
            elif self._inside >= self._window.limit:
                place: asyncio.Future[None] = loop.create_future()
                self._waiting.append(place)
                await place
            else:
                self._inside += 1
                return now

    def leave(self) -> None:
        """Gives the place back. Every entry is followed by one leave, whatever came between."""
        self._inside -= 1
        # Whoever is woken and finds the gate closed comes in when it opens, and wakes others on leaving.
        for _ in range(min(len(self._waiting), self._window.limit - self._inside)):
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)

    def answered(self, sent: float, now: float) -> None:
        """The server answered a request that was sent at `sent`."""
        self._failures = 0
        self._window.answered(sent, now)
        self._outage.over(now)

    def alive(self, now: float) -> None:
        """The server said something of use, if no answer."""
        self._failures = 0
        self._outage.over(now)

    def failed(self, sent: float, now: float, fault: FaultError) -> None:
        """A request that was sent at `sent` failed; closes the gate for a while where the server is in trouble.

        Raises:
            EngineDownError: patience with the server has run out.
        """
        if isinstance(fault, OverloadedError | StalledError):
            self._window.overloaded(sent, now)
        elif isinstance(fault, UnreachableError):
            self._window.unreachable(sent, now)
        if isinstance(fault, OverloadedError | UnreachableError):
            self.trouble(sent, now, fault)

    def trouble(self, sent: float, now: float, fault: FaultError) -> None:
        """Closes the gate, longer each time; requests that were in flight together count once.

        Raises:
            EngineDownError: patience with the server has run out.
        """
        wait = 0.0
        if sent >= self._failed_at:
            self._failed_at = now
            self._failures += 1
            wait = jittered(self._failures)
        if fault.retry_after is not None:
            wait = max(wait, fault.retry_after + random.uniform(0, 0.1))
        wait = self._outage.trouble(fault.message, now, wait, fault.retry_after or 0.0)
        self._closed_until = max(self._closed_until, now + wait)
