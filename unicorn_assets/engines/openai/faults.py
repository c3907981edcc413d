"""What can go wrong with one HTTP request, and what an HTTP response that is no answer means. Pure."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

LONGEST_MESSAGE = 500
"""Characters of a server's message that are kept."""

_BUSY = {429, 502, 503, 529}  # 529: overloaded, as some providers say it
_TRANSIENT = {408, 409, 425}
_DENIED = {401, 402, 403}
_MISDIRECTED = {404, 405}


class FaultError(Exception):
    """A request that brought no answer.

    Args:
        message: what happened, on one line.
        retry_after: seconds that the server asks to wait, None if it does not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class TransientError(FaultError):
    """Another try may help; each one is counted."""


class StalledError(TransientError):
    """No answer within the time for one, which may be a sign of too many requests in flight."""


class OverloadedError(FaultError):
    """The server takes no more for now; not the request's fault, so not counted."""


class UnreachableError(FaultError):
    """Nobody listens; not the request's fault either."""


class RefusedError(FaultError):
    """The server will never answer this very request."""


class DeniedError(FaultError):
    """The server lets nobody in with this key, or with no money left."""


class MisdirectedError(FaultError):
    """The model is not there, or no such server."""


def fault(status: int, headers: Mapping[str, str], body: bytes, now: datetime | None = None) -> FaultError:
    """What a response with a status other than 200 means.

    Args:
        status: HTTP status.
        headers: HTTP headers; names in any case where the mapping allows it.
        body: what came with it; its message is taken from JSON where it is some.
        now: the time against which a `Retry-After` date counts; the clock's if None.
    """
    told, code = _told(body)
    message = f"HTTP {status}{': ' + told if told else ''}"
    if status in _DENIED or code == "insufficient_quota":
        return DeniedError(message)
    if status in _MISDIRECTED or 300 <= status < 400:
        return MisdirectedError(message)
    wait = retry_after(headers.get("Retry-After", ""), now or datetime.now(UTC))
    if status in _BUSY:
        return OverloadedError(message, wait)
    if status in _TRANSIENT or not 400 <= status < 500:
        return TransientError(message, wait)
    return RefusedError(message)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds in a `Retry-After` header, from a number or an HTTP date; None where there are none to be read."""
    if re.fullmatch(r"\s*\d{1,9}(?:\.\d{1,9})?\s*", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def is_html(body: bytes) -> bool:
    """Whether a body is a web page: what a server answers whose address is another one's."""
    return body.lstrip()[:1] == b"<"


def one_line(text: str) -> str:
    """`text` on one line, cut."""
    return " ".join(text[: 4 * LONGEST_MESSAGE].split())[:LONGEST_MESSAGE]


def _told(body: bytes) -> tuple[str, str]:
    """The message and the error code in a body, empty where there are none."""
    text = body.decode("utf-8", "replace")
    if is_html(body):
        return "", ""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return one_line(text), ""
    table = value if isinstance(value, dict) else {}
    error = table.get("error")
    if isinstance(error, dict):
        table = error
    parts = (table.get(name) for name in ("message", "detail", "error"))
    told = next((part for part in parts if part), text)
    return one_line(told if isinstance(told, str) else json.dumps(told)), str(table.get("code") or "")
