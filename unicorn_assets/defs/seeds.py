"""Assets that bring seeds in: the whole corpus once, then one bucket a shard."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.stages.seeds import CAPTION_SEEDS, SEED_SOURCES

GROUP = "seeds"


def assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`seed_sources` and `caption_seeds`."""
    return [
        stage_asset(
            SEED_SOURCES,
            description="The short captions that everything starts from, of all the recipe's sources: read once, "
            "cleaned, one caption an image, no duplicates. A row is a caption with its licence and "
            "origin; what fell out stands beside it with its reason.",
            group=GROUP,
            kinds={"python", "duckdb", "parquet"},
            partitions=partitions,
        ),
        stage_asset(
            CAPTION_SEEDS,
            description="One shard's share of the seeds. A row is one short caption; its id, a hash of its cleaned "
            "text, stays with everything that is made of it.",
            group=GROUP,
            kinds={"python", "parquet"},
            partitions=partitions,
        ),
    ]
