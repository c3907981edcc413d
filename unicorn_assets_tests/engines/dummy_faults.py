"""What goes wrong at the dummy server: a status, or a response that a server in trouble may give."""

import asyncio
import json
from dataclasses import dataclass, field

from aiohttp import web

from unicorn_assets_tests.engines.dummy_answers import CANNED, completion, error, page

HUGE = 10 << 20


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Args:
        kind: an HTTP status as `429`, or the name of a method of `Faulty`.
        share: share of the rows that it befalls, drawn by row.
        times: how many requests of such a row it befalls, the first ones; None for all.
        containing: befalls rows alone whose prompt holds this text.
        headers: headers of a response by status.
        message: message of a response by status, or what else the kind takes.
        seconds: length of a stall.
    """

    kind: str
    share: float = 1.0
    times: int | None = 1
    containing: str = ""
    headers: dict = field(default_factory=dict)
    message: str = "made to fail"
    seconds: float = 60.0


class Faulty:
    """One response that goes wrong."""

    def __init__(self, request, asked, fault):
        self.request, self.asked, self.fault = request, asked, fault

    async def response(self):
        if self.fault.kind.isdigit():
            return error(int(self.fault.kind), self.fault.message, headers=self.fault.headers)
        return await getattr(self, self.fault.kind)()

    def says(self, text, **fields):
        return web.json_response(completion(self.asked["model"], text, **fields))

    async def stall(self):
        await asyncio.sleep(self.fault.seconds)

    async def reset(self):
        self.request.transport.abort()
        return web.Response()

    async def half(self):
        """Half of what the header promises, then the connection is gone."""
        body = json.dumps(completion("dummy", CANNED)).encode()
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(self.request)
        await response.write(body[: len(body) // 2])
        self.request.transport.close()
        return response

    async def half_json(self):
        return web.Response(text=json.dumps(completion("dummy", CANNED))[:-40], content_type="application/json")

    async def not_utf8(self):
        body = json.dumps(completion("dummy", "caf\u00e9"), ensure_ascii=False).encode("latin-1")
        return web.Response(body=body, content_type="application/json")

    async def huge(self):
        return self.says("a dog " * (HUGE // 6))

    async def no_choices(self):
        return web.json_response({"object": "chat.completion", "choices": []})

    async def html(self):
        return page()

    async def empty(self):
        return self.says("")

    async def wrong_schema(self):
        return self.says('{"pairs": [{"question": 3}]}')

    async def says_its_key(self):
        return self.says(f"The key is {self.request.headers.get('Authorization')}.")

    async def only_thinks(self):
        table = completion("dummy", "", finish_reason="stop")
        table["choices"][0]["message"] |= {"content": None, "reasoning_content": "A dog."}
        return web.json_response(table)
