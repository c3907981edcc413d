"""All stages in the order of the graph."""

from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.contamination import CONTAMINATION
from unicorn_assets.stages.corpus import UPSTREAM, upstream
from unicorn_assets.stages.duplicates import NEAR_DUPLICATES
from unicorn_assets.stages.images import IMAGE_REFERENCE
from unicorn_assets.stages.probes import EVERY_PROBE
from unicorn_assets.stages.release import RELEASE
from unicorn_assets.stages.selection import SELECTION, below

GRAPH: dict[str, Stage] = {
    **UPSTREAM,
    **{stage.name: stage for stage in (NEAR_DUPLICATES, SELECTION, RELEASE)},
}
"""The stages of a recipe that leaves its choices as they are."""

EVERY: dict[str, Stage] = {
    **{stage.name: stage for stage in (IMAGE_REFERENCE, CONTAMINATION, *EVERY_PROBE)},
    **GRAPH,
}
"""Those too that only some recipes have."""


def graph(recipe: Recipe) -> dict[str, Stage]:
    """The stages of a recipe."""
    return {**upstream(recipe), **below_the_shards(recipe)}


def above_the_shards(recipe: Recipe) -> list[str]:
    """Names of the stages that stand upstream of the shards."""
    return [name for name, stage in upstream(recipe).items() if not stage.sharded]


def with_shards(recipe: Recipe) -> list[str]:
    """Names of the stages that have shards."""
    return [name for name, stage in upstream(recipe).items() if stage.sharded]


def below_the_shards(recipe: Recipe) -> dict[str, Stage]:
    """The stages that look at the whole corpus, each after those that it is made from; the release last."""
    return {**below(recipe), RELEASE.name: RELEASE}
