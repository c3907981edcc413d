"""Makes a Dagster asset of a stage: the step runs the stage and reports its sidecar."""

import json
import time
import warnings
from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import Field

from unicorn_assets.alerts import outbox
from unicorn_assets.alerts.alert import Alert
from unicorn_assets.defs import columns
from unicorn_assets.defs.metadata import metadata
from unicorn_assets.defs.values import flat
from unicorn_assets.errors import BudgetError, CheckError, UnicornError
from unicorn_assets.execution import heartbeat, tags
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.stages import runner
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.tools import Tools

OWNERS = ["team:data"]
RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
"""For steps whose worker died or hung, and for errors that may pass; one that a person must mend is not retried."""
LOG_SECONDS = 10.0


class StepConfig(dg.Config):
    """What can be asked of a single materialization."""

    again: bool = Field(
        default=False,
        description="Make the shard even if it stands with an equal fingerprint; for modality_alignment, a refit.",
    )


def stage_asset(
    stage: Stage,
    *,
    description: str,
    group: str,
    kinds: set[str],
    partitions: dg.PartitionsDefinition[str],
) -> dg.AssetsDefinition:
    """The asset of a stage.

    Args:
        stage: what the step does.
        description: what one row is, and what becomes of rows on the way.
        group: the group it is shown in.
        kinds: what it is made with and of.
        partitions: the shards; used where the stage has shards.
    """
    shards = partitions if stage.sharded else None

    @dg.asset(
        name=stage.name,
        deps=list(stage.inputs),
        partitions_def=shards,
        description=description,
        group_name=group,
        kinds=kinds,
        owners=OWNERS,
        check_specs=_check_specs(stage, shards),
        output_required=False,
        code_version=str(stage.version),
        metadata={columns.KEY: columns.known(stage)},
        required_resource_keys={"tools"},
        op_tags={tags.LANE: stage.lane, tags.TIMEOUT: str(stage.timeout_seconds)},
        pool=tags.GPU_POOL if stage.lane == "gpu" else None,
        retry_policy=RETRIES,
    )
    def step(
        context: dg.AssetExecutionContext, config: StepConfig
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        tools: Tools = context.resources.tools
        shard = context.partition_key if stage.sharded else ALL
        try:
            outcome = runner.make(
                stage,
                tools,
                shard,
                graph=graph(tools.recipe),
                run_id=context.run.run_id,
                again=config.again,
                progress=_Progress(context, tools, stage.name, shard),
            )
        except CheckError as error:
            yield dg.AssetCheckResult(check_name=error.check, passed=False, metadata=flat(error.figures))
            raise _failure(error) from error
        except BudgetError as error:
            context.instance.add_run_tags(context.run.run_id, {tags.BUDGET: "reached"})
            outbox.record(tools.home.state, _reached(error, tools, stage.name, shard, context.run.run_id))
            raise _failure(error) from error
        except UnicornError as error:
            raise _failure(error) from error
        sidecar = outcome.sidecar
        context.log.info(_summary(outcome))
        yield dg.MaterializeResult(
            metadata=metadata(tools.home, outcome),
            data_version=dg.DataVersion(sidecar.fingerprint),
            check_results=_check_results(sidecar),
        )

    return step


def _check_specs(stage: Stage, shards: dg.PartitionsDefinition[str] | None) -> Sequence[dg.AssetCheckSpec]:
    with warnings.catch_warnings():
        # Results per shard are a preview in 1.13. Without them the UI shows the last shard's result for all.
        warnings.filterwarnings("ignore", ".*partitions_def on an AssetCheckSpec", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                check.name,
                asset=stage.name,
                description=check.description,
                blocking=check.blocking,
                partitions_def=shards,
            )
            for check in stage.checks
        ]


def _check_results(sidecar: Sidecar) -> list[dg.AssetCheckResult]:
    return [
        dg.AssetCheckResult(
            check_name=check.name,
            passed=check.passed,
            severity=dg.AssetCheckSeverity[check.severity],
            metadata=flat(check.figures),
        )
        for check in sidecar.checks
    ]


def _failure(error: UnicornError) -> dg.Failure:
    return dg.Failure(description=str(error), allow_retries=error.retryable)


def _reached(error: BudgetError, tools: Tools, asset: str, shard: str, run_id: str) -> Alert:
    """One alert for each budget, however many steps it stops."""
    budget = tools.settings.budget.model_dump(exclude_none=True)
    return Alert(
        id=f"budget:{json.dumps(budget, sort_keys=True)}",
        kind="budget_reached",
        severity="ERROR",
        asset=asset,
        shard=shard,
        what=f"{error.what} It goes on when the budget is raised.",
        when=time.time(),
        figures={f"max_{name}": limit for name, limit in budget.items()},
        run_id=run_id,
    )


def _summary(outcome: runner.Outcome) -> str:
    sidecar = outcome.sidecar
    rejected, left = sum(sidecar.rejected.values()), sum(sidecar.not_selected.values())
    did = "stands already" if outcome.reused else f"made in {sidecar.run.seconds:.1f} s"
    return (
        f"{sidecar.stage} [{sidecar.shard}] {did}: {sidecar.rows_in:,} rows in, {sidecar.rows_out:,} out, "
        f"{rejected:,} rejected, {left:,} not selected"
    )


class _Progress:
    """Tells the run's log every ten seconds, and whoever listens at the tools each time."""

    def __init__(self, context: dg.AssetExecutionContext, tools: Tools, stage: str, shard: str) -> None:
        self._context, self._tools, self._where = context, tools, (stage, shard)
        self._start = self._last = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        if self._tools.listener is not None:
            self._tools.listener(*self._where, done, total)
        heartbeat.beat()
        now = time.monotonic()
        if now - self._last < LOG_SECONDS:
            return
        self._last = now
        rate = done / (now - self._start)
        left = f", about {(total - done) / rate:.0f} s left" if total is not None and rate > 0 else ""
        self._context.log.info(f"{done:,} of {total if total is not None else '?'} rows, {rate:,.1f} a second{left}")
