"""Assets of probes: a sample of dialogs that a model answers, and of captions that it grades."""

from collections.abc import Mapping

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.judging import JUDGED_CAPTIONS
from unicorn_assets.stages.probes import probes
from unicorn_assets.stages.probing import BLIND_ANSWERS, ROUND_TRIP

_ROW = (
    "A row is one turn of a drawn dialog with the answer that was given and the verdict: whether it agrees with the "
    "dialog's own, differs, or could not be read. "
)
DESCRIPTIONS: Mapping[str, str] = {
    ROUND_TRIP.name: "Round-trip consistency: a model answers questions of the dialogs from their captions alone. "
    f"{_ROW}What differs is wrong in one of the two answers, or said in other words.",
    BLIND_ANSWERS.name: "Blind answerability: a model answers questions with options, or with yes or no, without their "
    f"caption. {_ROW}Near chance is good: what is right oftener can be answered without looking.",
    JUDGED_CAPTIONS.name: "A sample of the curated captions graded by a model, 1 to 5, for being faithful to the seed, "
    "visual, specific and fluent. A row is a caption with its grades, beside the quality score that rules give it.",
}


def assets(partitions: dg.PartitionsDefinition[str], recipe: Recipe) -> list[dg.AssetsDefinition]:
    """Those that the recipe asks for."""
    return [
        stage_asset(
            stage,
            description=DESCRIPTIONS[name],
            group="captions" if name == JUDGED_CAPTIONS.name else "dialogs",
            kinds={"python", "parquet", "llm"},
            partitions=partitions,
        )
        for name, stage in probes(recipe).items()
    ]
