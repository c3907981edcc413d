"""Which process is in charge of a run, and what becomes of runs whose process has died."""

import os

import dagster as dg

from unicorn_assets.execution import tags
from unicorn_assets.execution.internals import IN_PROGRESS_RUN_STATUSES
from unicorn_assets.processes import Process

DIED = "The run's process has died. What its steps had finished is kept."


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
