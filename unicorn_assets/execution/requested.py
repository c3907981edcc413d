"""What is being made already, or will be: shards of unfinished runs and of backfills that go on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from unicorn_assets.execution import tags
from unicorn_assets.execution.internals import BulkActionsFilter, BulkActionStatus, PartitionBackfill

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
GOING_ON = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
PARTITION = "dagster/partition"
RETRY_OF = "dagster/parent_run_id"
RETRY_STARTS_SECONDS = 600.0
"""So long a retry that was announced is waited for; it never comes where the run's backfill has ended."""


def unfinished(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that have not ended, and those that have failed a short while ago and will be tried again by the daemon."""
    runs = list(instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)))
    announced = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={tags.WILL_RETRY: "true"},
        updated_after=datetime.now(UTC) - timedelta(seconds=RETRY_STARTS_SECONDS),
    )
    coming = instance.get_runs(announced)
    return runs + [run for run in coming if not _was_retried(instance, run)]


def _was_retried(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    return bool(instance.get_runs(dg.RunsFilter(tags={RETRY_OF: run.run_id}), limit=1))


def shards(instance: dg.DagsterInstance) -> set[str]:
    """Shards that somebody is at work on, or has asked for."""
    found = {run.tags[PARTITION] for run in unfinished(instance) if PARTITION in run.tags}
    for backfill in instance.get_backfills(BulkActionsFilter(statuses=GOING_ON)):
        found.update(_targets(backfill))
    return found


def anything(instance: dg.DagsterInstance) -> list[str]:
    """Names of all runs and backfills that are at work or will be."""
    runs = [f"run {run.run_id}" for run in unfinished(instance)]
    backfills = instance.get_backfills(BulkActionsFilter(statuses=GOING_ON))
    return runs + [f"backfill {backfill.backfill_id}" for backfill in backfills]


def whole(instance: dg.DagsterInstance, assets: set[str]) -> bool:
    """Whether somebody is at work on any of these assets that have no shards."""
    keys = {dg.AssetKey(name) for name in assets}
    return any(not keys.isdisjoint(run.asset_selection or ()) for run in unfinished(instance))


def _targets(backfill: PartitionBackfill) -> Iterator[str]:
    yield from backfill.partition_names or ()
    if backfill.asset_backfill_data is not None:
        for subset in backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key.values():
            yield from subset.get_partition_keys()
