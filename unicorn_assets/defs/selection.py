"""Assets that look at the whole corpus: what of the candidates goes out, what decides it, and the release itself."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.contamination import contamination
from unicorn_assets.stages.duplicates import near_duplicates
from unicorn_assets.stages.release import RELEASE
from unicorn_assets.stages.selection import selection

GROUP = "selection"


def assets(partitions: dg.PartitionsDefinition[str], recipe: Recipe) -> list[dg.AssetsDefinition]:
    """`selection`, above it the stages that it goes by, below it `release`."""
    benchmarks, twins = contamination(recipe), near_duplicates(recipe)
    return [
        *([] if benchmarks is None else [_contamination(benchmarks, partitions)]),
        *([] if twins is None else [_near_duplicates(twins, partitions)]),
        stage_asset(
            selection(recipe),
            description="Which candidates stay out of the release, for reasons that only the whole corpus shows. A row "
            "is a decision: one candidate of one table that is left out, the reason, and what stands against it. The "
            "datasets are left as they are; `release` applies the decisions.",
            group=GROUP,
            kinds={"python", "parquet"},
            partitions=partitions,
        ),
        stage_asset(
            RELEASE,
            description="What goes out to a trainer: one folder with Parquet, Arrow vectors, LLaVA JSON, manifest and "
            "dataset card. A row is a sample of its pretraining or instruction table. Refused while "
            "shards are missing or stale beyond the recipe's coverage.",
            group=GROUP,
            kinds={"python", "parquet", "arrow", "json"},
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


def _near_duplicates(stage: Stage, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    return stage_asset(
        stage,
        description="Captions and questions that nearly say what a better one says, over the whole corpus: by their "
        "words (MinHash, judged by the texts), and captions that stand in a longer one. A row is a text that loses, "
        "with the twin that is kept; which one does not depend on the order of the shards. A later run compares only "
        "what is new.",
        group=GROUP,
        kinds={"python", "parquet"},
        partitions=partitions,
    )
