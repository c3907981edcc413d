"""Materializes the whole graph in this process, as Dagster runs: sources, then shard by shard, then the release.

A shard that fails stops no other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from unicorn_assets.defs.build import build
from unicorn_assets.defs.trouble import BUDGET_ERRORS, caused_by
from unicorn_assets.execution.runs import reap, this_process
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages.graph import above_the_shards, below_the_shards, with_shards
from unicorn_assets.stages.tools import Tools

# What a person needs to know is shown by the command; the framework's log stays in its own storage.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Failure:
    """A step that failed: where, why in words for a person, and whether it was the budget that stopped it."""

    stage: str
    shard: str
    why: str
    run_id: str
    by_budget: bool = False


class Driver:
    """Runs parts of the graph of one home.

    Args:
        tools: home, recipe, engine, encoder; kept open between runs.
        instance: where the history goes.
    """

    def __init__(self, tools: Tools, instance: dg.DagsterInstance) -> None:
        self._tools, self._instance = tools, instance
        self._job = build(tools).resolve_implicit_global_asset_job_def()
        reap(instance)  # a run that was killed may hold places in the pools

    def sources(self, *, refit: bool = False) -> list[Failure]:
        """Materializes what stands upstream of the shards."""
        return self._run(above_the_shards(self._tools.recipe), None, again=["modality_alignment"] if refit else [])

    def shard(self, shard: str) -> list[Failure]:
        """Materializes the whole chain of one shard, as one run."""
        return self._run(with_shards(self._tools.recipe), shard)

    def release(self) -> list[Failure]:
        """Materializes the release, and before it what looks at the whole corpus."""
        return self._run(list(below_the_shards(self._tools.recipe)), None)

    def _run(self, stages: Sequence[str], shard: str | None, again: Sequence[str] = ()) -> list[Failure]:
        result = self._job.execute_in_process(
            run_config=QUIET | {"ops": {name: {"config": {"again": True}} for name in again}},
            asset_selection=[dg.AssetKey(name) for name in stages],
            partition_key=shard,
            instance=self._instance,
            raise_on_error=False,
            tags={"unicorn/home": str(self._tools.home.path)} | this_process(),
        )
        return [
            Failure(
                event.step_key or "",
                shard or ALL,
                self._why(event, shard or ALL),
                result.run_id,
                caused_by(event.step_failure_data.error, BUDGET_ERRORS),
            )
            for event in result.all_events
            if event.is_step_failure
        ]

    def _why(self, event: dg.DagsterEvent, shard: str) -> str:
        failure = event.step_failure_data
        if failure.user_failure_data is not None and failure.user_failure_data.description:
            return failure.user_failure_data.description
        made = self._tools.home.lake.sidecar(event.step_key or "", shard)
        if made is not None and made.blocked_by:
            failed = [check for check in made.checks if check.name in made.blocked_by]
            return "\n".join(
                f"Check {check.name} failed: {check.description} Found: {check.figures}" for check in failed
            )
        return f"An unexpected error; its traceback stands with the run in the web UI.\n{_root(failure.error)}"


def _root(error: Any) -> str:
    """The message of the error that began it all."""
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "No reason was given."
