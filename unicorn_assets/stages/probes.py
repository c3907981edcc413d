"""All stages that have a sample of what was written probed by a model; a recipe has those that it asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from unicorn_assets.lake.layout import Lake
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.judging import JUDGED_CAPTIONS, corpus_grades, judged
from unicorn_assets.stages.probing import BLIND_ANSWERS, ROUND_TRIP, corpus_probes, dialog_probes

EVERY_PROBE = (ROUND_TRIP, BLIND_ANSWERS, JUDGED_CAPTIONS)
"""The stages that only some recipes have."""


def probes(recipe: Recipe) -> Mapping[str, Stage]:
    """The stages that the recipe asks for, by name."""
    return {**dialog_probes(recipe), **judged(recipe)}


def corpus_figures(recipe: Recipe, lake: Lake, shards: Sequence[str]) -> dict[str, Any]:
    """What the probes of these shards found together, for the release to tell.

    Raises:
        LakeError: a sidecar is damaged.
    """
    return corpus_probes(recipe, lake, shards) | corpus_grades(recipe, lake, shards)
