"""Recipes that probe their dialogs, engines that know too much or too little, and a child that can be killed."""

import json
import os
import signal
import time
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets.engines import model_of
from unicorn_assets.engines.base import REFUSED, Answer
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import small_recipe
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.served import engine

STAGES = ("round_trip", "blind_answers")
JUDGED = "judged_captions"
EVERY = (*STAGES, JUDGED)


def probing(recipe=None, shards=3, **section):
    """The small recipe with a dialog for every caption, half of them probed in all ways."""
    table = (recipe or small_recipe()).model_dump()
    table["dialogs"]["share"] = 1.0
    table["encoder"]["dtype"] = "float32"
    table["shards"] = shards
    table["probing"] = {"round_trip": True, "blind_answers": True, "judge": True, "share": 0.5} | section
    return recipes.Recipe.model_validate(table)


def unprobed():
    """The same without probes."""
    return recipes.Recipe.model_validate(probing().model_dump() | {"probing": {}})


class Doubled:
    """An engine that answers probes by what `say` makes of a request."""

    def __init__(self, model, say):
        self.model, self._say, self.asked, self.closed = model, say, [], 0

    def generate(self, requests):
        for request in requests:
            self.asked.append(request)
            text = self._say(request)
            yield request, Answer("", REFUSED) if text is None else Answer(text)

    def close(self):
        self.closed += 1


def tools_with(home, recipe, say):
    """Tools whose engines are doubles."""
    doubles = []

    def opened(chosen, settings, folder):
        doubles.append(Doubled(model_of(chosen), say))
        return doubles[-1]

    return Tools(home, recipe, make_engine=opened, make_encoder=lambda chosen: HashEncoder()), doubles


def probe(home, recipe, say=None, stages=STAGES):
    """Makes the probes of every shard; returns their sidecars by stage, and the engines."""
    home.adopt(recipe, change=True)
    tools, doubles = tools_with(home, recipe, say)
    if say is None:
        tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    stood = graph(recipe)
    outcomes = {
        name: [make(stood[name], tools, shard, graph=stood, run_id="test") for shard in shard_names(recipe.shards)]
        for name in stages
    }
    return outcomes, doubles


def rows_of(home, stage, shards=3):
    return [row for shard in shard_names(shards) for row in read_rows(home.lake.rows(stage, shard))]


def right_answers(home, shards=3):
    """The right answer of each turn by sample and question."""
    return {
        (row["id"], turn["question"]): turn["answer"]
        for row in rows_of(home, "instruction_dialogs", shards)
        for turn in row["turns"]
    }


def serve_probes(home: Path, recipe: str, base_url: str, stage: str, shard: str) -> None:
    """Makes the probes of a shard on a served model, as a step does."""
    chosen = recipes.parse(recipe, where="test", base=Path())

    def opened(named, settings, folder):
        return engine(base_url, model_of(named), max_in_flight=4)

    tools = Tools(Home(home), chosen, make_engine=opened, make_encoder=lambda named: HashEncoder())
    stood = graph(chosen)
    try:
        make(stood[stage], tools, shard, graph=stood, run_id="test")
    finally:
        tools.close()


def killed_midway(process, server, answers: int) -> None:
    """Kills a child once the server has been asked so often."""
    deadline = time.monotonic() + 60
    while sum(server.counts.values()) < answers:
        assert process.is_alive(), "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)


def said(server):
    """The last message of each request."""
    return [json.dumps(one["messages"]) for one in server.requests]
