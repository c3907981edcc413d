"""A HOME of the small demo recipe that is made once, and copies of it for tests of what stands below the shards."""

import csv
import shutil

from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages.graph import below_the_shards, graph
from unicorn_assets.stages.runner import make
from unicorn_assets_tests.conftest import materialize, small_recipe
from unicorn_assets_tests.stages.with_images import tools_for


def made_home(folder):
    """A HOME with a release, to be copied."""
    home = Home(folder / "home")
    materialize(home, small_recipe())
    return home


def copied(home, folder):
    """A copy of a HOME."""
    return Home(shutil.copytree(home.path, folder / "home", symlinks=True))


def with_section(recipe, **sections):
    """The recipe with other sections."""
    return recipes.Recipe.model_validate(recipe.model_dump() | sections)


def make_below(home, recipe, until="release"):
    """Makes what stands below the shards, as far as that; returns the outcomes by stage."""
    home.adopt(recipe, change=True)
    tools, outcomes = tools_for(home, recipe), {}
    for name, stage in below_the_shards(recipe).items():
        outcomes[name] = make(stage, tools, ALL, graph=graph(recipe), run_id="test")
        if name == until:
            break
    return outcomes


def rows(home, stage, recipe=None):
    """All rows of a stage, or of its shards where a recipe says how many."""
    shards = [ALL] if recipe is None else shard_names(recipe.shards)
    return [row for shard in shards for row in read_rows(home.lake.rows(stage, shard))]


def benchmark(path, *texts, column="question"):
    """A benchmark file of these texts; returns its section of the recipe."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([[column], *([text] for text in texts)])
    return {"name": path.stem, "path": str(path)}
