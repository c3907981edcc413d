"""Assets that look at the whole corpus: what of the candidates goes out, and what that is decided by."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.selection import selection

GROUP = "selection"


def assets(partitions: dg.PartitionsDefinition[str], recipe: Recipe) -> list[dg.AssetsDefinition]:
    """`selection`, and above it the stages that it goes by."""
    return [
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
