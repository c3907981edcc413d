"""Recipes and tools whose transfer has images beside it."""

import numpy as np

from unicorn_assets import recipe as recipes
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.lake.test_embedding_files import write
from unicorn_assets_tests.transfer.references import images, names


def with_alignment(recipe, **alignment):
    """The recipe with another [alignment], of which `images` is the section in it."""
    return recipes.Recipe.model_validate(recipe.model_dump() | {"alignment": {"sample": 60} | alignment})


def ready(path, count=90, width=32):
    """A file of image embeddings."""
    return write(path, images(count, width=width, dtype=np.float32), names(count))


def tools_for(home, recipe, dimension=32, **more):
    """Tools with the stand-in encoder of texts."""
    return Tools(home, recipe, make_encoder=lambda chosen: HashEncoder(dimension), **more)


def made(tools, *stages, again=False):
    """Makes unpartitioned stages one after the other; returns the last one's sidecar."""
    tools.home.adopt(tools.recipe, change=True)
    stood = graph(tools.recipe)
    outcomes = [make(stood[name], tools, "all", graph=stood, run_id="test", again=again) for name in stages]
    return outcomes[-1].sidecar
