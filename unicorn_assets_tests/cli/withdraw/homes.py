"""Seeds, and what is looked at of a home before and after one of them is withdrawn."""

from unicorn_assets.identity import shard_name, shard_number
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.freshness import states
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder

KITE, HEN, MINE = (
    "A red kite over a field of wheat.",
    "A white hen behind a wooden gate.",
    "A grey mill at a cold river.",
)
WHY = "its author asked for it"


def with_sources(recipe, *sources):
    return recipe.model_copy(update={"seeds": recipe.seeds.model_copy(update={"sources": sources})})


def home_of(sample):
    return shard_name(shard_number(sample, 3))


def everything(home, recipe):
    return {
        (name, shard): home.lake.need(name, shard) for name, stage in UPSTREAM.items() for shard in stage.shards(recipe)
    }


def stale(home, recipe):
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    return {(one.stage, one.shard) for one in states(tools, UPSTREAM) if one.condition != "fresh"}


def ids_anywhere(home):
    """Ids of all rows of the lake below the sources and of the latest release."""
    paths = [path for stage in GRAPH for path in (home.lake.root / stage).glob("shard-*.parquet")]
    paths += (home.releases / "demo" / "latest").glob("*/*.parquet")
    return {row["id"] for path in paths for row in read_rows(path, ["id"])}
