"""Assets of Stage 1: expanded captions, and those of them that are good enough."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.stages.captions import CURATED_CAPTIONS, EXPANDED_CAPTIONS

GROUP = "captions"


def assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`expanded_captions` and `curated_captions`."""
    return [
        stage_asset(
            EXPANDED_CAPTIONS,
            description="Dense captions written by the engine (Stage 1). A row is a seed and the caption of about a "
            "hundred words that was made of it. Answers that cannot be used are rejected, with their raw "
            "text kept.",
            group=GROUP,
            kinds={"python", "parquet", "llm"},
            partitions=partitions,
        ),
        stage_asset(
            CURATED_CAPTIONS,
            description="Captions that are good enough to train on. A row is a kept caption with its measures; each "
            "rejected one carries the rule that it broke.",
            group=GROUP,
            kinds={"python", "parquet"},
            partitions=partitions,
        ),
    ]
