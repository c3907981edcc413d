"""The requests in flight: an event loop that runs only while somebody waits for an answer, and what it holds.

No thread: the caller's store and its source of requests belong to one thread, and a caller who stops asking leaves
nothing running.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from unicorn_assets.engines.base import Answer, Request
from unicorn_assets.errors import EngineError

Landed = list[tuple[Request, Answer]]


class Asking(Protocol):
    """What answers the requests, inside the loop."""

    async def answer(self, request: Request) -> Answer:
        """The answer to a request, whatever it takes."""

    async def healthy(self, request: Request) -> bool:
        """Whether a plain request that is asked like this one is answered."""

    async def close(self) -> None:
        """Frees what is held."""


class Flight:
    """Requests on their way.

    Args:
        open: makes, inside the loop, what answers them.
    """

    def __init__(self, open: Callable[[], Asking]) -> None:
        # With a factory of its own the runner leaves the thread's current event loop alone.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._tasks: set[asyncio.Task[None]] = set()
        self._flying = 0
        self._landed: Landed = []
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._closed = False

        async def opened() -> Asking:
            return open()

        self._asking = self._runner.run(opened())
        self._runner.get_loop().set_exception_handler(self._stray)

    def _stray(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An interrupt that a signal's handler raised in a callback: the loop alone would only log it."""
        raised = context.get("exception")
        if raised is None or isinstance(raised, Exception):
            loop.default_exception_handler(context)
            return
        self._error = self._error or raised
        self._news.set()

    def __len__(self) -> int:
        """Number of requests that are on their way."""
        return self._flying

    @property
    def over(self) -> bool:
        """Whether nothing is left to come, no error either."""
        return not self._flying and not self._landed and self._error is None

    def launch(self, request: Request) -> None:
        """Sends a request on its way; it moves while somebody waits for landings.

        Raises:
            EngineError: the flight is closed.
        """
        self._check_open()
        self._flying += 1
        task = self._runner.get_loop().create_task(self._fly(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fly(self, request: Request) -> None:
        try:
            answer = await self._asking.answer(request)
            self._landed.append((request, answer))  # after the wait: `land` has put another list there meanwhile
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a signal's handler may raise in the midst of it
            self._error = self._error or error
        finally:
            self._flying -= 1
            self._news.set()

    def land(self) -> Landed:
        """Waits until there are answers, and gives them.

        Raises:
            EngineError: nothing more will land; all that had landed has been given.
        """
        self._check_open()
        if self._flying and not self._landed and self._error is None:
            self._news.clear()
            self._runner.run(self._until_news())
        landed, self._landed = self._landed, []
        if not landed and self._error is not None:
            raise self._error
        return landed

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The engine was closed while it was being asked.", "open another one.")

    async def _until_news(self) -> None:
        await self._news.wait()

    def healthy(self, request: Request) -> bool:
        """Whether a plain request that is asked like this one is answered.

        Raises:
            EngineError: the server refuses it, and so will every other.
        """
        return self._runner.run(self._is_healthy(request))

    async def _is_healthy(self, request: Request) -> bool:
        return await self._asking.healthy(request)

    def close(self) -> None:
        """Calls off what is on its way and closes all connections. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            try:
                self._runner.run(self._call_off())
            finally:
                self._runner.close()

    async def _call_off(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._asking.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
