"""Stands in for `python -m vllm.entrypoints.openai.api_server`: its command line, processes, probes and ways to die.

Started as `fake_vllm.py FOLDER ARGUMENTS…` by a script that the tests set as `vllm.python`. FOLDER holds what it is to
do (files that the test makes) and what it did (files that it writes):

    fail          text for the log of a start that fails; the file is removed, unless its name is `fail-always`
    slow          seconds for each answer
    sick          it never becomes healthy
    fragile       it dies of every request
    stuck         no answer comes, though it says that all is well
    starts        one JSON line for each start
    asked         one line for each request: number of the start, and the user's message
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from aiohttp import web

POISON = "poison"


def append(path, text):
    with path.open("a") as file:
        file.write(text + "\n")


class Fake:
    def __init__(self, folder, given):
        self.folder, self.given = folder, given
        self.starts = folder / "starts"
        self.number = 1 + (len(self.starts.read_text().splitlines()) if self.starts.exists() else 0)
        self.tokens = 0
        # As vLLM: the process that holds the device is a child, and does not end with its parent.
        self.core = subprocess.Popen(["sleep", "600"])

    def has(self, name):
        return (self.folder / name).exists()

    async def health(self, request):
        return web.Response(status=503 if self.has("sick") else 200)

    async def models(self, request):
        return web.json_response({"data": [{"id": name} for name in self.given.served_model_name]})

    async def metrics(self, request):
        return web.Response(text=f'vllm:generation_tokens_total{{engine="0",model_name="m"}} {float(self.tokens)}\n')

    async def complete(self, request):
        while self.has("stuck"):
            await asyncio.sleep(0.05)
        return web.json_response({"choices": [{"text": "a"}]})

    async def chat(self, request):
        asked = await request.json()
        text = asked["messages"][-1]["content"]
        append(self.folder / "asked", f"{self.number} {text}")
        slow = self.folder / "slow"
        await asyncio.sleep(float(slow.read_text()) if slow.exists() else 0)
        if POISON in text or self.has("fragile"):
            await asyncio.sleep(0.1)
            os._exit(139)
        while self.has("stuck"):
            await asyncio.sleep(0.05)
        self.tokens += 7
        return web.json_response(
            {
                "model": self.given.served_model_name[0],
                "choices": [{"message": {"content": f"answer to {text}"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 7},
            }
        )


def main(arguments):
    folder = Path(arguments[0])
    parser = argparse.ArgumentParser()
    parser.add_argument("-m")
    for name in ("--model", "--host", "--dtype", "--tensor-parallel-size", "--gpu-memory-utilization", "--revision"):
        parser.add_argument(name)
    for name in ("--tokenizer-revision", "--generation-config", "--max-model-len"):
        parser.add_argument(name)
    parser.add_argument("--served-model-name", nargs="*")
    parser.add_argument("--port", type=int)
    parser.add_argument("--disable-uvicorn-access-log", action="store_true")
    given = parser.parse_args(arguments[1:])
    fake = Fake(folder, given)
    told = {"pid": os.getpid(), "core": fake.core.pid, "arguments": arguments[1:], "environment": dict(os.environ)}
    append(fake.starts, json.dumps(told))
    for name in ("fail", "fail-always"):
        if (folder / name).exists():
            sys.stderr.write((folder / name).read_text())
            (folder / "fail").unlink(missing_ok=True)
            sys.exit(1)
    app = web.Application()
    app.router.add_get("/health", fake.health)
    app.router.add_get("/metrics", fake.metrics)
    app.router.add_get("/v1/models", fake.models)
    app.router.add_post("/v1/completions", fake.complete)
    app.router.add_post("/v1/chat/completions", fake.chat)
    web.run_app(app, host=given.host, port=given.port, print=None, access_log=None)


if __name__ == "__main__":
    main(sys.argv[1:])
