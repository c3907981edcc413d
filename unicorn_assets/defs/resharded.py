"""Tells Dagster of another number of shards, so that the web UI shows those that stand and not those that were.

Dagster knows a shard by its name, and `shard-0003` of 4 shards is not that of 8. So the history of the assets with
shards is wiped, and each shard that stands is reported as it stands, with its checks. Runs stay, with all they logged.
"""

import time
from collections.abc import Iterator
from contextlib import nullcontext

import dagster as dg

from unicorn_assets import attempts, state
from unicorn_assets.alerts import outbox
from unicorn_assets.defs.metadata import brief
from unicorn_assets.defs.values import flat
from unicorn_assets.execution.internals import (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    AssetCheckEvaluationTargetMaterializationData,
)
from unicorn_assets.execution.storage import KeptEngines
from unicorn_assets.home import Home
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.switch import Marker
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.seeds import SEED_SOURCES


def tell(
    instance: dg.DagsterInstance,
    home: Home,
    recipe: Recipe,
    moved: Marker,
) -> int:
    """Wipes and reports anew; safe to repeat. Returns how many shards of stages were reported.

    Args:
        instance: whose history it is.
        home: where the shards stand.
        recipe: with the new number of shards.
        moved: from how many shards to how many.
    """
    stages = graph(recipe)
    sharded = [stage for stage in stages.values() if stage.sharded]
    keys = [dg.AssetKey(stage.name) for stage in sharded]
    storage, count = instance.event_log_storage, 0
    with storage.together() if isinstance(storage, KeptEngines) else nullcontext():
        instance.wipe_assets([key for key in keys if instance.has_asset_key(key)])
        for stage in (SEED_SOURCES, *sharded):
            count += _report(instance, home, recipe, stage, f"Moved from {moved.before} to {moved.after} shards.")
    _begin_counts_anew(home, [stage.name for stage in sharded])
    return count


def _report(instance: dg.DagsterInstance, home: Home, recipe: Recipe, stage: Stage, note: str) -> int:
    found = (home.lake.sidecar(stage.name, shard) for shard in stage.shards(recipe))
    made = [one for one in found if one is not None]
    key = dg.AssetKey(stage.name)
    for one in made:
        instance.report_runless_asset_event(
            dg.AssetMaterialization(
                key,
                description=note,
                metadata={**brief(one), "note": note},
                partition=_partition(one),
                tags={DATA_VERSION_TAG: one.fingerprint, CODE_VERSION_TAG: str(stage.version)},
            )
        )
    if made:
        ids = _materializations(instance, key, stage.sharded)
        for one in made:
            for evaluation in _evaluations(one, ids[_partition(one)]):
                instance.report_runless_asset_event(evaluation)
    return len(made)


def _partition(made: Sidecar) -> str | None:
    return None if made.shard == ALL else made.shard


def _materializations(instance: dg.DagsterInstance, key: dg.AssetKey, sharded: bool) -> dict[str | None, int]:
    """The newest materialization of each partition, by its storage id."""
    if sharded:
        found = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        return {partition: number for partition, number in found.items()}
    [record] = instance.fetch_materializations(key, limit=1).records
    return {None: record.storage_id}


def _evaluations(made: Sidecar, storage_id: int) -> Iterator[dg.AssetCheckEvaluation]:
    target = AssetCheckEvaluationTargetMaterializationData(storage_id=storage_id, run_id="", timestamp=time.time())
    for check in made.checks:
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(made.stage),
            check_name=check.name,
            passed=check.passed,
            metadata=flat(check.figures),
            target_materialization_data=target,
            severity=dg.AssetCheckSeverity[check.severity],
            blocking=check.blocking,
            partition=_partition(made),
        )


def _begin_counts_anew(home: Home, stages: list[str]) -> None:
    """Forgets the failed tries of shards, and which of their checks wait to be told as passing again."""
    with attempts.opened(home.state) as tried:
        for partition in tried.partitions():
            if partition.startswith("shard-"):
                tried.forget(partition)
    with outbox.opened(home.state) as connection, state.transaction(connection):
        connection.executemany(
            "DELETE FROM alert_checks WHERE json_extract(subject, '$[1]') = ? AND json_extract(subject, '$[2]') <> ''",
            [(stage,) for stage in stages],
        )
