"""A server that speaks OpenAI's chat completions over real HTTP, answers by rule, and fails as it is told to.

In a test's own process it runs in a thread (`DummyServer`); as a process of its own it prints its port
(`python -m unicorn_assets_tests.engines.dummy_server --port 0`). Faults are set by attribute, by flag, or over
`PUT /control`; `GET /counts` says how often each row was asked. Its answers, and which requests fail, follow from the
request alone.
"""

import argparse
import asyncio
import json
import random
import sys
import threading
from collections import Counter
from dataclasses import asdict, dataclass

from aiohttp import web

from unicorn_assets_tests.engines.dummy_answers import CANNED, completion, error, page, row_of, written
from unicorn_assets_tests.engines.dummy_faults import Fault, Faulty


@dataclass
class Behaviour:
    """How the server behaves; can be changed while it runs.

    Args:
        models: what it lists and answers for.
        key: the key that it wants, if any.
        faults: what goes wrong; the first that befalls a request counts.
        delay: seconds for each answer.
        word_seconds: seconds for each word of it beyond that.
        counts_prompt: whether it reports the words of the prompt as tokens, rather than 100.
        reports_usage: whether it reports tokens at all.
        parallel: how many requests are worked on at once; the others queue.
        most: more requests at a time than this get a 429.
        schemas: whether it takes `response_format`.
        room: the field that it takes for the most tokens.
        canned: whether all answers are one text, so that hardly any time goes into them.
        words_end: an answer with less room than this many tokens is cut off.
        most_room: a request for more room than this is refused.
    """

    models: tuple = ("dummy",)
    key: str = ""
    faults: tuple = ()
    delay: float = 0.0
    word_seconds: float = 0.0
    counts_prompt: bool = False
    reports_usage: bool = True
    parallel: int = 0
    most: int = 0
    schemas: bool = True
    room: str = "max_tokens"
    canned: bool = False
    words_end: int = 0
    most_room: int = 10**9

    def set(self, table):
        for name, value in table.items():
            if name == "faults":
                value = tuple(Fault(**one) for one in value)
            setattr(self, name, tuple(value) if name == "models" else value)


class Application:
    """The HTTP side: routes, counts, and the books on what was asked at once."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.counts = Counter()
        self.requests = []
        self.now = self.peak = 0
        self.working = None
        self.app = web.Application(client_max_size=64 << 20)
        self.app.router.add_post("/v1/chat/completions", self.chat)
        self.app.router.add_get("/v1/models", self.list)
        self.app.router.add_put("/control", self.control)
        self.app.router.add_get("/counts", self.tell)
        self.app.router.add_get("/", self.page)

    async def page(self, request):
        return page()

    async def control(self, request):
        self.behaviour.set(await request.json())
        return web.json_response(asdict(self.behaviour))

    async def tell(self, request):
        return web.json_response({"counts": self.counts, "peak": self.peak})

    def locked_out(self, request):
        given = request.headers.get("Authorization", "")
        if self.behaviour.key and given != f"Bearer {self.behaviour.key}":
            return error(401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}.", code="invalid_api_key")
        return None

    async def list(self, request):
        data = [{"id": name, "object": "model"} for name in self.behaviour.models]
        return self.locked_out(request) or web.json_response({"object": "list", "data": data})

    async def chat(self, request):
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            if self.behaviour.most and self.now > self.behaviour.most:
                return error(429, "too many requests")
            return await self.answered(request)
        finally:
            self.now -= 1

    async def answered(self, request):
        behaviour = self.behaviour
        refused = self.locked_out(request)
        if refused is not None:
            return refused
        asked = json.loads(await request.read())
        prompt = asked["messages"][-1]["content"]
        row = str(asked["seed"]) if row_of(asked) else "plain"
        self.counts[row] += 1
        if not behaviour.canned:
            self.requests.append(asked)
        if asked["model"] not in behaviour.models:
            return error(404, f"The model `{asked['model']}` does not exist.", code="model_not_found")
        if "response_format" in asked and not behaviour.schemas:
            return error(400, "Unknown parameter: 'response_format'.")
        if behaviour.room not in asked:
            return error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if asked[behaviour.room] > behaviour.most_room:
            return error(400, f"max_tokens is too large: {asked[behaviour.room]}.")
        fault = self.fault(row, prompt)
        if fault is not None:
            failed = await Faulty(request, asked, fault).response()
            if failed is not None:
                return failed
        return await self.delivered(asked)

    async def delivered(self, asked):
        """The answer, in its time."""
        behaviour, answer = self.behaviour, self.completion(asked)
        if behaviour.counts_prompt:
            words = sum(len(message["content"].split()) for message in asked["messages"])
            answer["usage"]["prompt_tokens"] = words
        await self.work(behaviour.delay + behaviour.word_seconds * answer["usage"]["completion_tokens"])
        if not behaviour.reports_usage:
            del answer["usage"]
        return web.json_response(answer)

    async def work(self, seconds):
        """Takes its time."""
        if self.behaviour.parallel:
            self.working = self.working or asyncio.Semaphore(self.behaviour.parallel)
            async with self.working:
                await asyncio.sleep(seconds)
        elif seconds:
            await asyncio.sleep(seconds)

    def fault(self, row, prompt):
        """The fault that befalls a request, None for none."""
        for fault in self.behaviour.faults:
            drawn = random.Random(f"{fault.kind} {row}").random() < fault.share
            if drawn and fault.containing in prompt and (fault.times is None or self.counts[row] <= fault.times):
                return fault
        return None

    def completion(self, asked):
        behaviour = self.behaviour
        text = CANNED if behaviour.canned else written(asked)
        cut = asked[behaviour.room] < behaviour.words_end and row_of(asked)
        return completion(asked["model"], text[:40] if cut else text, "length" if cut else "stop")


class DummyServer:
    """The server in a thread of its own, on the loopback interface; a context manager.

    Args:
        port: where to listen, 0 for any free port; the same one can be used again after `stop`.
        **behaviour: as `Behaviour` has it.
    """

    def __init__(self, port=0, **behaviour):
        self.port = port
        self.behaviour = Behaviour(**behaviour)
        self.application = Application(self.behaviour)
        self._thread = None

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def counts(self):
        """How often each row was asked, by its seed; `plain` for the engine's own question."""
        return self.application.counts

    @property
    def requests(self):
        """Bodies of all requests."""
        return self.application.requests

    def start(self):
        started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(started),), daemon=True)
        self._thread.start()
        assert started.wait(10), "the dummy server has not started"
        return self

    async def _serve(self, started):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.application = replace_app(self.application)
        runner = web.AppRunner(self.application.app, shutdown_timeout=0.01, access_log=None, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        # asyncio leaves a connection open that it accepts just before its server is closed: none is on its way here.
        self._loop.remove_reader(site._server.sockets[0].fileno())
        for _ in range(5):
            await asyncio.sleep(0)
        await runner.cleanup()

    def stop(self):
        """Ends it at once, as a kill would: what is in flight is cut off."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._thread = None

    __enter__ = start

    def __exit__(self, *error):
        self.stop()


def replace_app(old):
    """The same books on a new application: one of aiohttp belongs to one event loop."""
    new = Application(old.behaviour)
    new.counts, new.requests = old.counts, old.requests
    return new


async def serve(behaviour, port):
    """Runs until it is killed; prints the port first."""
    runner = web.AppRunner(Application(behaviour).app, access_log=None, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description="A dummy server with OpenAI's API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", type=json.loads, default={}, help='as JSON: {"delay": 0.1, "faults": [...]}')
    chosen = parser.parse_args()
    behaviour = Behaviour()
    behaviour.set(chosen.behaviour)
    asyncio.run(serve(behaviour, chosen.port))


if __name__ == "__main__":
    sys.exit(main())
