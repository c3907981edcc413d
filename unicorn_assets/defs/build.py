"""Puts the definitions together for one home; tests and commands build them with their own tools."""

import dagster as dg

from unicorn_assets.defs import (
    alerts,
    automation,
    captions,
    datasets,
    dialogs,
    embeddings,
    probing,
    proof,
    seeds,
    selection,
    trace,
)
from unicorn_assets.defs.partitions import shard_partitions
from unicorn_assets.execution.executor import lane_executor
from unicorn_assets.stages.tools import Tools


def build(tools: Tools) -> dg.Definitions:
    """The definitions of a deployment.

    Args:
        tools: the home and its recipe, which sets the number of shards.
    """
    partitions = shard_partitions(tools.recipe.shards)
    made = [asset for module in (seeds, captions, dialogs, datasets) for asset in module.assets(partitions)]
    chosen = [asset for module in (embeddings, probing, selection) for asset in module.assets(partitions, tools.recipe)]
    return dg.Definitions(
        assets=[*made, *chosen, *proof.assets()],
        resources={"tools": dg.ResourceDefinition.hardcoded_resource(tools)},
        executor=lane_executor(tools.home),
        jobs=[*automation.jobs(tools.recipe), trace.job()],
        schedules=automation.schedules(tools),
        sensors=[alerts.sensor(tools.home)],
    )
