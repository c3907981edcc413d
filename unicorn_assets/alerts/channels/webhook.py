"""Webhooks: JSON by POST, either our own message or the `{"text": …}` that Slack and its likes take.

The group's key goes with each request as `Idempotency-Key`. Redirects are not followed, the answer's body is not read,
and one limit of time holds for the whole request, so that an endpoint that dribbles holds nobody up.
"""

import asyncio
import os
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from unicorn_assets.alerts import message
from unicorn_assets.alerts.groups import Group, Outcome
from unicorn_assets.alerts.routes import Access
from unicorn_assets.settings import Alerts, Route

BUSY = (408, 425, 429, 502, 503, 504)
"""Answers that concern the endpoint and not this message."""


class Webhook:
    """A webhook, generic or Slack-compatible.

    Args:
        route: the route.
        access: address and token.
        settings: time-out, and where links lead.
    """

    def __init__(self, route: Route, access: Access, settings: Alerts) -> None:
        self._slack, self._access = route.kind == "slack", access
        self._seconds, self._web_url = settings.timeout_seconds, settings.web_url

    def send(self, group: Group) -> Outcome:
        """Posts the group; it has arrived when the endpoint answers with a status from 200 to 299."""
        if self._slack:
            content: dict[str, Any] = {"text": escaped(message.chat(group, self._web_url))}
        else:
            content = message.table(group, self._web_url)
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": group.key}
        if self._access.token:
            headers["Authorization"] = f"Bearer {self._access.token}"
        return asyncio.run(self._post(message.json_text(content), headers))

    async def _post(self, body: bytes, headers: dict[str, str]) -> Outcome:
        import aiohttp

        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._seconds)) as session,
                session.post(self._access.address, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return judged(answer.status, answer.headers.get("Retry-After", ""))
        except TimeoutError:
            return Outcome(f"no answer within {self._seconds:g} s", down=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(_why(error), down=True)


def escaped(text: str) -> str:
    """Text as Slack takes it, which reads `<…>` as a link or as a call to everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def judged(status: int, retry_after: str) -> Outcome:
    """What an answer means."""
    if 200 <= status < 300:
        return Outcome()
    if 300 <= status < 400:
        return Outcome(f"it answers with a redirect (HTTP {status}), which is not followed")
    return Outcome(f"it answers HTTP {status}", down=status in BUSY, wait=_seconds(retry_after))


def _seconds(retry_after: str) -> float:
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        moment = parsedate_to_datetime(retry_after)
        return max((moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _why(error: Exception) -> str:
    """The reason in our own words: the text of the error itself holds the address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            # aiohttp has subclasses of it that lack its fields
            return f"no secure connection ({getattr(cause, 'reason', None) or type(cause).__name__})"
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
            return f"no connection ({os.strerror(cause.errno)})"
        cause = cause.__cause__ or getattr(cause, "os_error", None)
    return f"no usable answer ({type(error).__name__})"
