"""Which process is in charge of a run, and what becomes of runs whose process has died."""

import os
from datetime import UTC, datetime, timedelta

import dagster as dg

from unicorn_assets.execution import tags
from unicorn_assets.execution.internals import IN_PROGRESS_RUN_STATUSES
from unicorn_assets.processes import Process

DIED = "The run's process has died. What its steps had finished is kept."

OVERDUE = "The retry that was announced has not come. It is asked for once more."
OVERDUE_AFTER = timedelta(seconds=60)
MOST_OVERDUE = 100


def this_process() -> dict[str, str]:
    """The tag of a run that this process is in charge of."""
    return {tags.WORKER: Process.of(os.getpid()).written()}


def claim(instance: dg.DagsterInstance, run_id: str) -> None:
    """Says that this process is in charge of a run."""
    instance.add_run_tags(run_id, this_process())


def worker(run: dg.DagsterRun) -> Process | None:
    """The process in charge of a run; None where none has said so yet, or where it cannot be judged from this host."""
    written = run.tags.get(tags.WORKER)
    return Process.read(written) if written else None


def has_died(run: dg.DagsterRun) -> bool:
    """Whether the process in charge is known, and dead."""
    process = worker(run)
    return process is not None and not process.lives


def reap(instance: dg.DagsterInstance) -> list[str]:
    """Ends the runs whose process has died, and frees their places in the pools. Returns their ids.

    The daemon does the same while it runs; a command that works without one does it first.
    """
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=[*IN_PROGRESS_RUN_STATUSES, dg.DagsterRunStatus.CANCELING]))
        if has_died(run)
    ]
    for run in dead:
        instance.report_run_failed(run, DIED)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return [run.run_id for run in dead]


def remind(instance: dg.DagsterInstance, overdue_after: timedelta = OVERDUE_AFTER) -> list[str]:
    """Asks once more for retries that were announced and have not come. Returns the ids of the runs.

    Dagster 1.13 stores the event of a failure before the run's status. Where its daemon looks in between, it takes the
    run for one that goes on and does not look at it again: a backfill then waits for the retry for ever. A second
    event, now that the status stands, is looked at; a run that is being retried is not retried twice.
    """
    announced = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE],
        tags={tags.WILL_RETRY: "true"},
        updated_before=datetime.now(UTC) - overdue_after,
    )
    runs = [
        run
        for run in instance.get_runs(announced, limit=MOST_OVERDUE)
        if tags.RETRIED_BY not in run.tags and tags.REMINDED not in run.tags
    ]
    for run in runs:
        instance.report_run_failed(run, OVERDUE)
        instance.add_run_tags(run.run_id, {tags.REMINDED: "true"})
    return [run.run_id for run in runs]
