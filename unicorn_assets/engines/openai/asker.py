"""One request's way to its answer: its turn, its tries, more room where it ran out, and whose fault a failure is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from unicorn_assets.engines.base import REFUSED, Answer, Message, Request
from unicorn_assets.engines.openai import wire
from unicorn_assets.engines.openai.access import Access
from unicorn_assets.engines.openai.client import Client
from unicorn_assets.engines.openai.faults import (
    FaultError,
    OverloadedError,
    RefusedError,
    TransientError,
    UnreachableError,
)
from unicorn_assets.engines.openai.gate import Gate, jittered
from unicorn_assets.engines.openai.outage import Outage, log
from unicorn_assets.engines.openai.stats import EngineStats
from unicorn_assets.engines.openai.window import Window
from unicorn_assets.errors import EngineDownError, EngineError
from unicorn_assets.settings import Endpoint

PLAIN = (Message("user", "What colour is the sky on a clear day? Answer in one word."),)
"""What the server is asked to find out whether it answers at all."""

GAVE_UP = "no usable answer"
"""How the text of a refused answer begins where trying again did not help."""

Received = TypeVar("Received")


@dataclass
class Learned:
    """What an engine has learned of its server; outlives each connection.

    Args:
        window: how many requests may be in flight.
        dialect: what the server takes.
        stats: what the asking took.
    """

    window: Window
    dialect: wire.Dialect = field(default_factory=wire.Dialect)
    stats: EngineStats = field(default_factory=EngineStats)


class Asker:
    """Gets answers from one server. Made and closed inside the event loop that it is used in.

    Args:
        model: name of the model that is asked.
        access: address and key.
        endpoint: number of tries, time for one, and patience.
        learned: what is known of the server; grows.
    """

    def __init__(self, model: str, access: Access, endpoint: Endpoint, learned: Learned) -> None:
        self._model = model
        self._access = access
        self._endpoint = endpoint
        self._dialect = learned.dialect
        self._stats = learned.stats
        self._client = Client(access, endpoint.timeout_seconds)
        self._gate = Gate(learned.window, Outage(access.base, endpoint.patience_seconds))
        self._retrying = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            stop=stop_after_attempt(endpoint.attempts),
            wait=self._pause,
            before_sleep=self._count_retry,
            reraise=True,
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.close()

    def _pause(self, state: RetryCallState) -> float:
        """Seconds before the next try: as the server asks, else longer each time."""
        failed = state.outcome.exception() if state.outcome else None
        asked = failed.retry_after if isinstance(failed, FaultError) else None
        return jittered(state.attempt_number) if asked is None else min(asked, self._endpoint.patience_seconds)

    def _count_retry(self, state: RetryCallState) -> None:
        del state
        self._stats.retries += 1

    async def answer(self, request: Request) -> Answer:
        """The answer to a request. What ran out of room is asked once more with twice as much.

        Tokens are those of both answers. A row that the server will not answer gets an answer all the same, with the
        finish reason `refused` and the reason as its text.

        Raises:
            EngineError: nothing can be answered.
        """
        first = await self._persist(request, request.sampling.max_tokens)
        self._stats.refused += first.finish_reason == REFUSED
        if first.finish_reason != "length":
            return first
        self._stats.retries += 1
        second = await self._persist(request, 2 * request.sampling.max_tokens)
        return replace(
            first if second.finish_reason == REFUSED else second,
            prompt_tokens=first.prompt_tokens + second.prompt_tokens,
            completion_tokens=first.completion_tokens + second.completion_tokens,
        )

    async def only_model(self) -> str:
        """The name of the server's single model.

        Raises:
            EngineError: there is none, or there are several, or the server does not say.
        """
        names: list[str]
        try:
            names = await self._retrying(self._turn, self._client.models)
        except FaultError as fault:
            failed = fault
        else:
            return self._client.the_only(names)
        raise EngineDownError(
            f"The server at {self._access.base} does not list its models ({failed.message}).",
            "name the model in the recipe's [engine], or with --model.",
        )

    async def _persist(self, request: Request, room: int) -> Answer:
        """The answer, or the row's refusal where the server answers others but not this one."""

        async def exchange() -> Answer:
            return await self._exchange(request, room)

        while True:
            try:
                return await self._retrying(self._turn, exchange)
            except RefusedError as refused:
                return Answer(refused.message, REFUSED)
            except TransientError as transient:
                fault = transient
            if await self.healthy(request):
                return Answer(f"{GAVE_UP} in {self._endpoint.attempts} tries; the last: {fault.message}", REFUSED)
            # Then it is not this row's fault, and its tries do not count.
            now = asyncio.get_running_loop().time()
            self._gate.trouble(now, now, fault)
            self._stats.retries += 1

    async def _turn(self, exchange: Callable[[], Awaitable[Received]]) -> Received:
        """One exchange, in its turn. What the server is too busy for, or not there for, waits without being counted."""
        loop = asyncio.get_running_loop()
        while True:
            sent = await self._gate.enter()
            try:
                received = await exchange()
                self._gate.answered(sent, loop.time())
                return received
            except (OverloadedError, UnreachableError) as fault:
                self._gate.failed(sent, loop.time(), fault)
                self._stats.retries += 1
            except RefusedError:
                self._gate.alive(loop.time())
                raise
            except TransientError as fault:
                self._gate.failed(sent, loop.time(), fault)
                raise
            finally:
                self._gate.leave()

    async def _exchange(self, request: Request, room: int) -> Answer:
        """One answer, in the dialect that the server takes."""
        while True:
            spoken = replace(self._dialect)
            try:
                answer = await self._send(wire.encoded(request, self._model, room, spoken))
            except RefusedError as refused:
                change = self._dialect.adapt(spoken, request, refused.message)
                if change is None:
                    raise
                if change:
                    log.warning("The server at %s %s (%s).", self._access.base, change, refused.message)
                self._stats.retries += 1
                continue
            self._stats.answers += 1
            self._stats.prompt_tokens += answer.prompt_tokens
            self._stats.completion_tokens += answer.completion_tokens
            return answer

    async def _send(self, body: bytes) -> Answer:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        self._stats.requests += 1
        try:
            answer = wire.decoded(await self._client.complete(body, self._model))
        finally:
            self._stats.seconds_in_flight += loop.time() - sent
        redacted = self._access.redact
        text, model = redacted(answer.text), redacted(answer.reported_model)
        same = text == answer.text and model == answer.reported_model
        return answer if same else replace(answer, text=text, reported_model=model)

    async def healthy(self, request: Request) -> bool:
        """Whether the server answers a plain question that is asked just as the request was.

        Raises:
            EngineError: it refuses even that, so it will refuse every row.
        """
        plain = replace(request, messages=PLAIN, schema=None)
        try:
            await self._exchange(plain, request.sampling.max_tokens)
        except RefusedError as refused:
            message = refused.message
        except FaultError:
            return False
        else:
            return True
        raise refuses_all(self._access.base, message)


def refuses_all(where: str, message: str) -> EngineError:
    """The error of a server that answers no row at all; one that has merely failed may be asked again later."""
    if message.startswith(GAVE_UP):
        return EngineDownError(
            f"The server at {where} answers a plain question and not one row ({message}).",
            "look into the server's log, then run again.",
        )
    return EngineError(
        f"The server at {where} refuses every request ({message}).",
        "change what it complains about: the recipe's sampling or model, or how the server was started.",
    )
