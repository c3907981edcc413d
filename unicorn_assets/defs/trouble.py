"""What Dagster's events say, as alerts: evaluations of checks, and why runs failed.

A run that failed because of a blocking check alone gives no alert of its own: that of the check says that the run stops
there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from unicorn_assets.alerts.alert import Alert
from unicorn_assets.execution.runs import OVERDUE
from unicorn_assets.lake.sidecar import Severity
from unicorn_assets.stages.graph import EVERY

PARTITION = "dagster/partition"
BUDGET_ERRORS = ("BudgetError",)
"""What stops a step without being trouble: people hear of it once, as of the budget."""
CHECK_ERRORS = ("DagsterAssetCheckFailedError", "CheckError")
"""Kinds of errors that stand for a failed check: Dagster's own, and that of a check that must hold before a stage."""

_RULES = {(stage.name, check.name): check.description for stage in EVERY.values() for check in stage.checks}


@dataclass(frozen=True)
class Evaluated:
    """An evaluation of a check: whether it passed, and the alert that it gives if it did not."""

    passed: bool
    alert: Alert


def evaluated(record: Any, run: dg.DagsterRun) -> Evaluated:
    """What an ASSET_CHECK_EVALUATION says.

    Args:
        record: the event, with its storage id.
        run: the run that it stands in.
    """
    found: dg.AssetCheckEvaluation = record.event_log_entry.dagster_event.event_specific_data
    asset = found.asset_key.to_user_string()
    severity: Severity = "WARN" if found.severity == dg.AssetCheckSeverity.WARN else "ERROR"
    alert = Alert(
        id=f"{run.run_id}:{record.storage_id}",
        kind="check_failed",
        severity=severity,
        asset=asset,
        shard=found.partition or run.tags.get(PARTITION, ""),
        check=found.check_name,
        what=_what(found, asset, severity),
        when=record.event_log_entry.timestamp,
        figures={name: _plain(value) for name, value in found.metadata.items()},
        run_id=run.run_id,
    )
    return Evaluated(found.passed, alert)


def _what(found: dg.AssetCheckEvaluation, asset: str, severity: Severity) -> str:
    rule = _RULES.get((asset, found.check_name))
    if found.description:
        said = f"Check {found.check_name} failed: {found.description}"
    else:
        said = f"Check {found.check_name} failed." + (f" What must hold: {rule}" if rule else "")
    if found.blocking and severity == "ERROR":
        said += " It blocks: what stands below it is not made in this run."
    return said


def _plain(value: dg.MetadataValue[Any]) -> Any:
    found = value.value
    return found if found is None or isinstance(found, str | int | float | bool | dict | list) else str(found)


def run_failures(records: Sequence[Any], run: dg.DagsterRun) -> Iterator[Alert]:
    """An alert for each step that failed otherwise than by a check or the budget; or one for a run that failed outside.

    Args:
        records: the run's STEP_FAILURE and RUN_FAILURE events.
        run: the run.
    """
    steps = [record for record in records if record.event_log_entry.dagster_event.is_step_failure]
    for record in steps:
        event = record.event_log_entry.dagster_event
        failure = event.step_failure_data
        if not caused_by(failure.error, CHECK_ERRORS + BUDGET_ERRORS):
            said = failure.user_failure_data.description if failure.user_failure_data is not None else None
            why = _first_line(said or _root(failure.error))
            yield _failure(record, run, event.step_key or "", f"Step {event.step_key} failed: {why}")
    if not steps and records:
        last = next((one for one in reversed(records) if not _is_reminder(one)), records[-1])
        event = last.event_log_entry.dagster_event
        # Who reports a lost worker's run as failed gives a message alone.
        error = getattr(event.event_specific_data, "error", None)
        why = _first_line(_root(error) if error is not None else event.message or "")
        yield _failure(last, run, "", f"The run failed outside of its steps: {why}")


def _is_reminder(record: Any) -> bool:
    """Whether it only asks for an overdue retry once more, and says nothing of what happened."""
    return bool(record.event_log_entry.dagster_event.message == OVERDUE)


def _failure(record: Any, run: dg.DagsterRun, asset: str, what: str) -> Alert:
    return Alert(
        id=f"{run.run_id}:failed:{asset}",
        kind="run_failed",
        severity="ERROR",
        asset=asset,
        shard=run.tags.get(PARTITION, ""),
        what=what,
        when=record.event_log_entry.timestamp,
        run_id=run.run_id,
    )


def caused_by(error: Any, names: Sequence[str]) -> bool:
    """Whether an error as Dagster keeps it, or one that it came of, is of one of these classes."""
    while error is not None:
        if error.cls_name in names:
            return True
        error = error.cause
    return False


def _root(error: Any) -> str:
    """The message of the error that began it all."""
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message) if error is not None else "no reason was given"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason was given")
