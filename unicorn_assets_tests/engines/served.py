"""Rows for a served model, engines on a dummy server, and what child processes do with them."""

import resource
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets.engines.base import Model, Request
from unicorn_assets.engines.openai import OpenAIEngine
from unicorn_assets.errors import UnicornError
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id
from unicorn_assets.recipe import Recipe
from unicorn_assets.settings import Endpoint, Settings
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import prompts
from unicorn_assets_tests.engines import store_answers
from unicorn_assets_tests.engines.store_answers import PROCESSES

PROCESSES.set_forkserver_preload([store_answers.__name__, __name__])

MODEL = Model("openai", "dummy", "")


def engine(base_url: str, model: Model = MODEL, **endpoint: object) -> OpenAIEngine:
    """An engine on a server; impatient, so that a test that hangs fails soon."""
    return OpenAIEngine(model, Endpoint.model_validate({"base_url": base_url, "patience_seconds": 20.0} | endpoint))


def rows(count: int, task: str = "expansion", start: int = 0) -> list[Request]:
    return list(endless(task, start, start + count))


def endless(task: str = "expansion", start: int = 0, end: int = 10**9) -> Iterator[Request]:
    for number in range(start, end):
        seed = f"A brown dog with {number} spots stands beside a small red boat on a wide beach."
        source = {"seed": seed, "caption": f"{seed} Waves run over the sand. The sky above is pale and clear."}
        yield prompts.request(task, sample_id(seed), source, recipes.Sampling())


def make_shard(home: Path, recipe: Recipe, base_url: str, stages: tuple[str, ...], shard: str) -> None:
    """Makes a shard of some stages on a served model, as a step does."""
    from unicorn_assets_tests.doubles import HashEncoder

    def opened(chosen: recipes.Engine, settings: Settings, home: Path) -> OpenAIEngine:
        return engine(base_url, max_in_flight=8)

    tools = Tools(Home(home), recipe, make_engine=opened, make_encoder=lambda chosen: HashEncoder())
    try:
        for name in stages:
            make(GRAPH[name], tools, shard if GRAPH[name].sharded else "all", graph=GRAPH, run_id="test")
    finally:
        tools.close()


def expand_and_tell(home: Path, recipe: Recipe, base_url: str, largest_file: int, tell: Connection) -> None:
    """Makes `expanded_captions` in a child; tells when it starts and what came of it."""
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    tell.send("start")
    try:
        make_shard(home, recipe, base_url, ("expanded_captions",), "shard-0000")
    except UnicornError as error:
        tell.send(str(error))
    else:
        tell.send("made")
