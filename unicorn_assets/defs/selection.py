"""Assets that look at the whole corpus: what of the candidates goes out, and what that is decided by."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.contamination import contamination
from unicorn_assets.stages.selection import selection

GROUP = "selection"


def assets(partitions: dg.PartitionsDefinition[str], recipe: Recipe) -> list[dg.AssetsDefinition]:
    """`selection`, and above it the stages that it goes by."""
    benchmarks = contamination(recipe)
    return [
        *([] if benchmarks is None else [_contamination(benchmarks, partitions)]),
        stage_asset(
            selection(recipe),
            description="Which candidates stay out of the release, for reasons that only the whole corpus shows. A row "
            "is a decision: one candidate of one table that is left out, the reason, and what stands against it. The "
            "datasets are left as they are; `release` applies the decisions.",
            group=GROUP,
            kinds={"python", "parquet"},
            partitions=partitions,
        ),
    ]


def _contamination(stage: Stage, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    return stage_asset(
        stage,
        description="Candidates that repeat a text of the benchmarks that the recipe names. A row is a candidate with "
        "its evidence: where it stands in the sample, the benchmark's row, and the words that both share. They leave "
        "the release by way of `selection`.",
        group=GROUP,
        kinds={"python", "parquet"},
        partitions=partitions,
    )
