"""Requests as the bytes that a server reads, and its bytes as answers. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Any

from unicorn_assets.engines.base import Answer, Request
from unicorn_assets.engines.openai.faults import TransientError

LARGEST_BODY = 4 << 20
"""Bytes of a response that are read. An honest answer with long thinking beside it stays far below."""

_WANTS_NEW_NAME = re.compile(r"\buse\b.{0,20}max_completion_tokens", re.IGNORECASE)
_NO_SCHEMA = re.compile(r"response_format|json[_ ]schema", re.IGNORECASE)


@dataclass
class Dialect:
    """What a server takes, as learned from its refusals; holds for the engine's life.

    Args:
        schemas: whether a JSON schema may go with a request.
        room: name of the field for the most tokens of an answer; newer OpenAI models want the longer one.
    """

    schemas: bool = True
    room: str = "max_tokens"

    def adapt(self, sent: "Dialect", request: Request, refusal: str) -> str | None:
        """Learns from a refusal.

        Args:
            sent: the dialect that the refused request was sent in.
            request: what was asked.
            refusal: the server's message.

        Returns:
            What changes from now on, empty where another request has brought that about already; None where the
            refusal tells nothing about the dialect.
        """
        if request.schema is not None and sent.schemas and _NO_SCHEMA.search(refusal):
            known, self.schemas = not self.schemas, False
            return "" if known else "goes on without JSON schemas"
        if sent.room == "max_tokens" and _WANTS_NEW_NAME.search(refusal):
            known, self.room = self.room != sent.room, "max_completion_tokens"
            return "" if known else "names the room of an answer max_completion_tokens"
        return None


def encoded(request: Request, model: str, max_tokens: int, dialect: Dialect) -> bytes:
    """The body that asks for one answer."""
    fields: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "temperature": request.sampling.temperature,
        "top_p": request.sampling.top_p,
        "seed": request.sampling.seed,
        dialect.room: max_tokens,
    }
    if request.schema is not None and dialect.schemas:
        schema = {"name": request.task, "schema": request.schema, "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return json.dumps(fields, separators=(",", ":")).encode()


def decoded(body: bytes) -> Answer:
    """The answer in a body. Thinking that stands in fields of its own is left out; what was answered is whole.

    Raises:
        TransientError: the body is no answer as the API has it.
    """
    try:
        table = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise TransientError("the response is not UTF-8") from None
    except (ValueError, RecursionError):
        raise TransientError("the response is not whole JSON") from None
    try:
        [choice] = table["choices"]
        message = choice["message"]
        # A model that declines in so many words has `refusal` in the place of its content.
        text = message.get("content") or message.get("refusal") or ""
        finish_reason = choice.get("finish_reason") or "stop"
        usage = table.get("usage") or {}
        answer = Answer(
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
            reported_model=str(table.get("model") or ""),
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        raise TransientError("the response holds no answer: its choices are missing or not of the API's form") from None
    if not isinstance(text, str) or not isinstance(finish_reason, str):
        raise TransientError("the response holds no answer: its content is no text")
    return answer


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def model_names(body: bytes) -> list[str]:
    """The models in a server's list, sorted.

    Raises:
        TransientError: it is no such list.
    """
    try:
        return sorted(str(entry["id"]) for entry in json.loads(body)["data"])
    except (LookupError, TypeError, ValueError, RecursionError):
        raise TransientError("the list of models cannot be read") from None
