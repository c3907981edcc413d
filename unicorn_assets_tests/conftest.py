"""What many tests need: homes, small recipes, and a run with a stand-in encoder."""

import os
import signal
from pathlib import Path

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.cli import run as command
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages.graph import below_the_shards, graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a script. After a run of Dagster, SIGTERM would be ignored too, by all children.
    signal.signal(signal.SIGINT, signal.default_int_handler)

COCO = Path(__file__).parent.parent.parent / "shared" / "data" / "coco_captions_500.jsonl"


@pytest.fixture
def home(tmp_path):
    """An empty HOME."""
    return Home(tmp_path / "home")


def small_recipe():
    """The demo recipe made small: 60 seeds, 3 shards."""
    table = recipes.load("demo").model_dump()
    table["seeds"]["sources"][0]["draw"] = 40
    table["seeds"]["sources"][1]["draw"] = 20
    table["alignment"]["sample"] = 16
    table["shards"] = 3
    return recipes.Recipe.model_validate(table)


@pytest.fixture
def recipe():
    """The small recipe."""
    return small_recipe()


@pytest.fixture
def tools(home, recipe):
    """Tools with the stand-in encoder."""
    return Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())


def run(home, recipe, **options):
    """`unicorn run` in this process with the stand-in encoder; returns its exit status."""
    return command.run(home, recipe, tools=Tools(home, recipe, make_encoder=lambda chosen: HashEncoder()), **options)


def materialize(home, recipe, order=None, encoder=HashEncoder):
    """The whole graph without Dagster, which costs most of a run's time; returns the outcomes by stage and shard."""
    tools = Tools(home, recipe, make_encoder=lambda _: encoder())
    home.prepare()
    home.adopt(recipe)
    outcomes = {}
    stages = graph(recipe)
    sharded = [stage for stage in stages.values() if stage.sharded]
    below = below_the_shards(recipe)
    above = [stage for stage in stages.values() if not stage.sharded and stage.name not in below]
    steps = [(stage, ALL) for stage in above]
    steps += [(stage, shard) for shard in order or shard_names(recipe.shards) for stage in sharded]
    for stage, shard in [*steps, *((stage, ALL) for stage in below.values())]:
        outcomes[stage.name, shard] = make(stage, tools, shard, graph=stages, run_id="test")
    return outcomes


def data_files(home):
    """Every data file of the lake and of the releases with its bytes; sidecars stand outside byte identity."""
    lake = [path for path in home.lake.root.rglob("*") if path.is_file() and path.suffix != ".json"]
    released = [path for path in home.releases.rglob("*") if path.is_file()]
    return {str(path.relative_to(home.path)): path.read_bytes() for path in (*lake, *released)}
