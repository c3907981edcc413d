"""The asset of Stage 2: instruction dialogs."""

import dagster as dg

from unicorn_assets.defs.factory import stage_asset
from unicorn_assets.stages.dialogs import INSTRUCTION_DIALOGS


def assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`instruction_dialogs`."""
    return [
        stage_asset(
            INSTRUCTION_DIALOGS,
            description="Conversations about captions, written by the engine (Stage 2). A row is a dialog of several "
            "turns about one caption: multiple choice, question answering or complex reasoning. Which "
            "captions get one, and which task, is drawn from their ids.",
            group="dialogs",
            kinds={"python", "parquet", "llm"},
            partitions=partitions,
        ),
    ]
