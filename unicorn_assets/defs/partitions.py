"""The shards as Dagster partitions: static, their number set by the recipe."""

import dagster as dg

from unicorn_assets.identity import shard_names


def shard_partitions(shards: int) -> dg.StaticPartitionsDefinition:
    """`shard-0000` and on."""
    return dg.StaticPartitionsDefinition(shard_names(shards))
