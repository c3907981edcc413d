"""The engine: requests in, answers out, with one server behind it."""

import asyncio
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from weakref import WeakSet

from unicorn_assets.engines.base import REFUSED, Answer, Model, Request
from unicorn_assets.engines.openai.access import Access
from unicorn_assets.engines.openai.asker import Asker, Learned, refuses_all
from unicorn_assets.engines.openai.flight import Flight
from unicorn_assets.engines.openai.stats import EngineStats
from unicorn_assets.engines.openai.window import Window
from unicorn_assets.settings import Endpoint

REFUSALS_BELIEVED = 32
"""So many rows refused before a single one is answered are no accident of the rows."""


class OpenAIEngine:
    """Asks any server that speaks OpenAI's chat completions. Holds nothing between calls but what it has learned.

    Args:
        model: who answers. An empty name stands for the server's single model, which is asked for when first needed.
        endpoint: where the server is and how hard it is driven. The key is read from the environment now.

    Raises:
        EngineError: the endpoint's address or key cannot be used.
    """

    def __init__(self, model: Model, endpoint: Endpoint) -> None:
        self._model = model
        self._endpoint = endpoint
        self._access = Access(endpoint)
        self._learned = Learned(Window(endpoint.max_in_flight))
        self._flights: WeakSet[Flight] = WeakSet()

    @property
    def model(self) -> Model:
        """Who answers, as configured; where no name is configured, with the name of the server's single model.

        Raises:
            EngineError: that has to be asked for, and there is none, or the server cannot be asked.
        """
        if not self._model.name:
            self._model = replace(self._model, name=self._ask_for_name())
        return self._model

    def _ask_for_name(self) -> str:
        async def only_model() -> str:
            asker = self._asker("")
            try:
                return await asker.only_model()
            finally:
                await asker.close()

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(only_model())

    @property
    def stats(self) -> EngineStats:
        """What the asking has taken so far; a copy."""
        return replace(self._learned.stats)

    def generate(self, requests: Iterable[Request]) -> Generator[tuple[Request, Answer], None, None]:
        """Answers each request once, in any order.

        A row that the server will not answer, or not in the endpoint's number of tries while it answers others, gets
        an answer with the finish reason REFUSED. An overloaded or absent server is waited for. Leaving early calls
        off what is in flight.

        Raises:
            EngineDownError: the server has given no answer for the endpoint's `patience_seconds`; may be retried.
            EngineError: the server will never answer: wrong key, address or model, or it refuses every request.
        """
        name = self.model.name
        with Flight(lambda: self._asker(name)) as flight:
            self._flights.add(flight)
            held: list[tuple[Request, Answer]] = []
            believed = False
            for request, answer in self._landings(flight, requests):
                # Refused answers are kept for good, so they are believed only once the server has answered a row.
                if answer.finish_reason == REFUSED and not believed:
                    held.append((request, answer))
                    if len(held) == REFUSALS_BELIEVED:
                        raise refuses_all(self._access.base, answer.text)
                    continue
                believed = True
                yield from held
                held.clear()
                yield request, answer
            if held and not self._learned.stats.answers:
                flight.healthy(held[0][0])
            yield from held

    def _asker(self, model: str) -> Asker:
        return Asker(model, self._access, self._endpoint, self._learned)

    def _landings(self, flight: Flight, requests: Iterable[Request]) -> Iterator[tuple[Request, Answer]]:
        """Keeps the flight as full as the window allows, and gives what lands."""
        source = iter(requests)
        more = True
        while more or not flight.over:
            while more and len(flight) < self._learned.window.limit:
                request = next(source, None)
                if request is None:
                    more = False
                else:
                    flight.launch(request)
            yield from flight.land()

    def close(self) -> None:
        """Calls off what is still in flight. Closing twice is fine."""
        for flight in list(self._flights):
            flight.close()
