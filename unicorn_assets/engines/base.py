"""The contract between a stage and whatever answers its prompts: request, answer, engine."""

import hashlib
import json
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Task = Literal["expansion", "multiple_choice", "question_answering", "complex_reasoning"]
DialogTask = Literal["multiple_choice", "question_answering", "complex_reasoning"]
ProbeTask = Literal["round_trip", "blind_answers"]
JudgeTask = Literal["judged_captions"]

REFUSED = "refused"
"""Finish reason of an answer that the engine could not get for this one row; the text says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn. `seed` is the row's own, so that a row's answer does not depend on its neighbours."""

    temperature: float
    top_p: float
    max_tokens: int
    seed: int


@dataclass(frozen=True, slots=True)
class Model:
    """Who answers, as configured: engine, model and revision."""

    engine: str
    name: str
    revision: str


@dataclass(frozen=True, slots=True)
class Request:
    """One question to an engine: the rendered messages, and the structured source they were rendered from.

    Args:
        id: id of the sample that the answer is for.
        task: what is asked for.
        messages: the chat prompt as a served model sees it.
        source: what the prompt was rendered from: `seed` for an expansion, `seed` and `caption` for a dialog or grades,
            `question`, `options` (a line each) and, where it may be known, `caption` for a probe. Engines that work by
            rule read this; it is not part of the key, since the messages say the same.
        prompt_version: version of the template that rendered the messages.
        schema: JSON schema of the answer, or None where the answer is plain text.
        sampling: how the answer is drawn.
    """

    id: str
    task: Task | ProbeTask | JudgeTask
    messages: tuple[Message, ...]
    source: Mapping[str, str]
    prompt_version: str
    schema: Mapping[str, Any] | None
    sampling: Sampling

    def key(self, model: Model) -> str:
        """Hash of everything that decides the answer, 32 hexadecimal digits. Equal keys may share an answer."""
        decides = [
            [model.engine, model.name, model.revision],
            self.task,
            self.prompt_version,
            [[message.role, message.content] for message in self.messages],
            [self.sampling.temperature, self.sampling.top_p, self.sampling.max_tokens, self.sampling.seed],
            self.schema,
        ]
        canonical = json.dumps(decides, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, raw. Whether it is of use is for the parser to say.

    Args:
        text: the answer as given, nothing cut.
        finish_reason: `stop`, `length` where the room ran out, REFUSED, or another word of the server's.
        prompt_tokens: tokens read, 0 where the engine has none.
        completion_tokens: tokens written, 0 where the engine has none.
        reported_model: what the server says it is; empty where there is no server.
    """

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reported_model: str = ""


class Engine(Protocol):
    """Answers requests. Implementations are closed by whoever opened them."""

    @property
    def model(self) -> Model:
        """Who answers, as configured."""

    def generate(self, requests: Iterable[Request]) -> Generator[tuple[Request, Answer], None, None]:
        """Answers each request once, in any order, reading `requests` no further ahead than it has work in flight.

        Raises:
            EngineError: when nothing more can be answered; what was yielded before stays valid.
        """

    def close(self) -> None:
        """Frees what the engine holds."""
