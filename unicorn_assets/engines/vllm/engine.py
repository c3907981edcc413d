"""The engine: a lease on a server of ours, and the `openai` engine that asks it."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

from unicorn_assets.engines.base import Model, Request
from unicorn_assets.engines.openai import EngineStats, OpenAIEngine
from unicorn_assets.engines.vllm.group import Group, State
from unicorn_assets.engines.vllm.plan import HANG_SECONDS, Plan
from unicorn_assets.engines.vllm.recovery import Answers, Recovery
from unicorn_assets.engines.vllm.tenant import Tenant
from unicorn_assets.settings import Settings

PATIENCE_SECONDS = 1.0
"""How long the `openai` engine tries a server before the supervisor's word is taken on whether it lives."""


class VllmEngine:
    """Answers from a vLLM server that is started when first needed and shared with other steps and runs.

    Args:
        model: who answers: name or folder, and revision.
        settings: `vllm` says how the server is started and kept, `endpoint` how hard it is driven.
        home: HOME; the servers' files are below `engines/`.
        hang_seconds: a server without progress for so long is started anew.

    Raises:
        EngineError: no model is named, or the settings cannot be used.
    """

    def __init__(self, model: Model, settings: Settings, home: Path, *, hang_seconds: float = HANG_SECONDS) -> None:
        self._model = model
        self._settings = settings
        groups = range(len(settings.vllm.devices))
        self._plans = [(Group(home, n), Plan.of(model, settings, n, hang_seconds)) for n in groups]
        self._tenant: Tenant | None = None
        self._inner: OpenAIEngine | None = None
        self._stats = EngineStats()

    @property
    def model(self) -> Model:
        """Who answers, as configured."""
        return self._model

    @property
    def log(self) -> Path | None:
        """The log of the server that this engine uses, None before its first request."""
        return self._tenant.group.log if self._tenant else None

    @property
    def devices(self) -> int:
        """Devices that are at work while this engine asks: those of one server."""
        return self._settings.vllm.tensor_parallel_size

    @property
    def stats(self) -> EngineStats:
        """What the asking has taken so far; a copy."""
        return _sum(self._stats, self._inner.stats) if self._inner else replace(self._stats)

    def generate(self, requests: Iterable[Request]) -> Answers:
        """Answers each request once, in any order.

        Where the server dies, what was in flight is asked again of the next one. A row that kills it as often as the
        settings allow gets an answer with the finish reason REFUSED.

        Raises:
            EngineDownError: the server keeps dying, or gives no answer; may be retried.
            EngineError: the server does not start, or refuses every request.
        """
        source = iter(requests)
        first = next(source, None)
        if first is None:  # without a request there is no need of a server
            return
        if self._tenant is None:
            self._tenant = Tenant(self._plans)
        yield from Recovery(self._tenant, self._ask, self._settings).answers(chain((first,), source))

    def _ask(self, served: State, feed: Iterator[Request]) -> Answers:
        """Asks one server, until the feed ends or the server fails."""
        endpoint = self._settings.endpoint.model_copy(
            update={
                "base_url": f"http://127.0.0.1:{served.port}/v1",
                "api_key_env": "",
                "patience_seconds": min(PATIENCE_SECONDS, self._settings.endpoint.patience_seconds),
            }
        )
        # Asked by the name that this start alone has, no other server on the port could pass for it.
        self._inner = OpenAIEngine(replace(self._model, name=served.name), endpoint)
        try:
            yield from self._inner.generate(feed)
        finally:
            self._inner.close()
            self._stats, self._inner = self.stats, None

    def close(self) -> None:
        """Gives the lease back. The server stays for a while, for whoever comes next. Closing twice is fine."""
        if self._inner is not None:
            self._inner.close()
        if self._tenant is not None:
            self._tenant.release()
            self._tenant = None


def _sum(one: EngineStats, other: EngineStats) -> EngineStats:
    figures = asdict(other)
    return EngineStats(**{name: value + figures[name] for name, value in asdict(one).items()})
