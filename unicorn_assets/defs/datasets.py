"""Assets of a shard that a trainer is interested in: candidate samples."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.stages.datasets import INSTRUCTION_DATASET, PRETRAIN_DATASET

GROUP = "datasets"


def assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`pretrain_dataset` and `instruction_dataset`."""
    return [
        stage_asset(
            PRETRAIN_DATASET,
            description="Candidate samples for pretraining. A row is a caption as a LLaVA conversation: describe the "
            "image, and the dense caption as answer.",
            group=GROUP,
            kinds={"python", "parquet"},
            partitions=partitions,
        ),
        stage_asset(
            INSTRUCTION_DATASET,
            description="Candidate samples for instruction tuning. A row is a dialog as a LLaVA conversation; it "
            "carries its caption's id, and so its vector.",
            group=GROUP,
            kinds={"python", "parquet"},
            partitions=partitions,
        ),
    ]
