"""One HTTP exchange with the server: bytes out, bytes in, and every failure as a fault or a clear error."""

import asyncio
import ssl

import aiohttp

from unicorn_assets.engines.openai import wire
from unicorn_assets.engines.openai.access import Access
from unicorn_assets.engines.openai.faults import (
    DeniedError,
    FaultError,
    MisdirectedError,
    StalledError,
    TransientError,
    UnreachableError,
    fault,
    is_html,
    one_line,
)
from unicorn_assets.errors import EngineError

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 3.0
"""A connection unused for so long is dropped: uvicorn, which most servers stand on, closes it after 5 s, and what is
sent at that moment is lost."""


class Client:
    """Talks to one server. Made and closed inside the event loop that it is used in.

    Args:
        access: address and key.
        timeout: most seconds for one answer, connecting included.
    """

    def __init__(self, access: Access, timeout: float) -> None:
        self._access = access
        self._timeout = timeout
        self._found = False
        self._session = aiohttp.ClientSession(
            # The gate says how many may be in flight; a second limit would only hide in the latency.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(CONNECT_SECONDS, timeout)),
            headers={"Content-Type": "application/json", "Accept": "application/json", **access.headers()},
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._session.close()

    async def complete(self, body: bytes, model: str) -> bytes:
        """The response to a chat completion request; `model` is the one that it asks.

        Raises:
            FaultError: this exchange failed.
            EngineError: none will succeed, whatever is asked.
        """
        try:
            answer = await self._exchange("POST", "chat/completions", body)
        except DeniedError as denied:
            refused = denied
        except MisdirectedError as lost:
            raise await self._misdirected(lost, model) from None
        else:
            if not is_html(answer):
                self._found = True
                return answer
            if self._found:  # then it is some proxy's bad moment
                raise TransientError("a web page instead of an answer")
            raise self._wrong_address("it answers with a web page")
        raise self._denied(refused)

    async def models(self) -> list[str]:
        """Names of the models that the server has, sorted.

        Raises:
            FaultError: this exchange failed.
            EngineError: none will succeed.
        """
        try:
            body = await self._exchange("GET", "models", None)
        except DeniedError as denied:
            refused: EngineError = self._denied(denied)
        except MisdirectedError as lost:
            refused = self._wrong_address(lost.message)
        else:
            if not is_html(body):
                return [self._access.redact(name) for name in wire.model_names(body)]
            refused = self._wrong_address("it answers with a web page")
        raise refused

    async def _exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        """The body of a response with status 200. What aiohttp raises may hold headers, so none of it goes further."""
        failed: FaultError | EngineError
        try:
            # A redirect would turn the POST into a GET.
            async with self._session.request(
                method, self._access.url(path), data=body, allow_redirects=False
            ) as response:
                received = await _read(response)
                if response.status == 200:
                    return received
                failed = fault(response.status, response.headers, received)
                failed = type(failed)(self._access.redact(failed.message), failed.retry_after)
        except TransientError as too_long:
            failed = too_long
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # a TimeoutError is an OSError
            failed = self._failure(error)
        raise failed

    def _failure(self, error: aiohttp.ClientError | OSError | UnicodeError) -> FaultError | EngineError:
        """What an exception of aiohttp means."""
        if isinstance(error, UnicodeError | aiohttp.InvalidURL):
            return self._wrong_address("its name cannot be that of a host")
        told = self._access.redact(one_line(str(error))) or type(error).__name__
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return UnreachableError("no connection within the time for one")
        if isinstance(error, asyncio.TimeoutError):
            return StalledError(f"no answer within {self._timeout:g} s")
        if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
            return EngineError(
                f"No safe connection to the server at {self._access.base}: {told}.",
                "check whether endpoint.base_url in settings.toml should begin with http:// or https://, and the "
                "server's certificate.",
            )
        if isinstance(error, aiohttp.ClientConnectorError):
            return UnreachableError(told)
        return TransientError(f"the connection broke: {told}")

    def _denied(self, denied: DeniedError) -> EngineError:
        variable = self._access.variable
        if self._access.has_key:
            what, cure = f"refuses the key in {variable}", f"put a valid key into {variable}, or see to its account."
        else:
            what, cure = "wants a key, and there is none", f"put it into the environment variable {variable}."
            if not variable:
                cure = "name the environment variable that holds it: endpoint.api_key_env in settings.toml."
        return EngineError(f"The server at {self._access.base} {what} ({denied.message}).", cure)

    async def _misdirected(self, lost: MisdirectedError, model: str) -> EngineError:
        """Whether the address is wrong or the model is missing: the server's list of models tells."""
        try:
            names = await self.models()
        except (FaultError, EngineError):
            return self._wrong_address(lost.message)
        if model in names:
            return self._wrong_address(lost.message)
        return EngineError(
            f"The server at {self._access.base} has no model {model!r}; it has {_listed(names)}.",
            "name one of its models in the recipe's [engine], or with --model.",
        )

    def _wrong_address(self, why: str) -> EngineError:
        return EngineError(
            f"There is no OpenAI-compatible server at {self._access.url('chat/completions')}: {why}.",
            "set endpoint.base_url in settings.toml, or --base-url, to its address, mostly up to and with /v1.",
        )

    def the_only(self, names: list[str]) -> str:
        """The one model of a server, for a recipe that names none.

        Raises:
            EngineError: there is none, or there are several.
        """
        if len(names) == 1:
            return names[0]
        raise EngineError(
            f"The recipe names no model, and the server at {self._access.base} has {_listed(names)}.",
            "name one in the recipe's [engine], or with --model.",
        )


def _listed(names: list[str]) -> str:
    return one_line(", ".join(repr(name) for name in names)) or "none"


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body.

    Raises:
        TransientError: it is longer than any honest one; the connection is given up.
    """
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > wire.LARGEST_BODY:
            response.close()
            raise TransientError(f"the response is longer than {wire.LARGEST_BODY >> 20} MiB")
    return b"".join(parts)
