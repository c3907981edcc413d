"""Reads Dagster's history run by run: which checks failed or passed, and which runs failed.

A run is known by its id and an event by (run, storage id), since storage ids repeat across runs on SQLite. A run's
events are read with a cursor while it goes on, and once from the start when it has ended, since on Postgres an event
may be committed after one with a higher id.
"""

import logging
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunRecord, RunsFilter

from unicorn_assets import state
from unicorn_assets.alerts import checks, outbox, progress
from unicorn_assets.alerts.progress import Seen
from unicorn_assets.defs import trouble
from unicorn_assets.execution import tags
from unicorn_assets.execution.requested import RETRY_STARTS_SECONDS

PAGE = 200
"""Runs or events that are read at once."""

READABLE = [
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
    DagsterRunStatus.CANCELED,
    DagsterRunStatus.FAILURE,
    DagsterRunStatus.SUCCESS,
]
GOING_ON = [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
LATE_SECONDS = 240.0
"""How often a run that has ended is read again for a while, for what is committed late; each time costs a file."""

RETRY_KNOWN_SECONDS = 60.0
"""Whether a failed run will be retried is tagged just after its failure; so long it is waited for."""


@dataclass
class Found:
    """What a look read.

    Args:
        new: alerts that were recorded.
        resolved: recoveries that were recorded.
        unread: runs that could not be read; they are tried again.
        complete: whether everything there is was read.
    """

    new: int = 0
    resolved: int = 0
    unread: int = 0
    complete: bool = True


def read_history(
    connection: sqlite3.Connection, instance: dg.DagsterInstance, logger: logging.Logger, *, until: float
) -> Found:
    """Records the alerts of all that happened since the last look.

    Args:
        connection: HOME/state.sqlite, as `outbox.opened` gives it.
        instance: whose history is read.
        logger: told of runs that cannot be read.
        until: when to stop, by the monotonic clock; the next look goes on from there.
    """
    reader = _Reader(connection, instance, logger, until)
    reader.new_runs()
    reader.followed_runs()
    if reader.found.complete:
        reader.found.resolved = checks.resolve(connection)
    return reader.found


class _Reader:
    def __init__(
        self, connection: sqlite3.Connection, instance: dg.DagsterInstance, logger: logging.Logger, until: float
    ) -> None:
        self._connection, self._instance, self._logger, self._until = connection, instance, logger, until
        self._again: list[RunRecord] = []
        self._read_now: set[str] = set()
        self.found = Found()

    def new_runs(self) -> None:
        """Reads the runs that were updated since the mark, in the order of their updates."""
        for record in self._updated():
            seen = progress.seen(self._connection, record.dagster_run.run_id)
            if seen is not None and seen.updated == record.update_timestamp.timestamp():
                if not seen.settled or time.time() - seen.read_at >= LATE_SECONDS:
                    self._again.append(record)
                continue
            if self._over():
                return
            self._read(record, seen)
            with state.transaction(self._connection):
                progress.advance(self._connection, record.update_timestamp.timestamp())

    def followed_runs(self) -> None:
        """Reads on in the runs that are not done with, and in those that ended a short while ago."""
        followed = progress.followed(self._connection)
        records = {record.dagster_run.run_id: record for record in self._by_id(followed)}
        progress.forget(self._connection, [run_id for run_id in followed if run_id not in records])
        going_on = self._instance.get_run_records(RunsFilter(statuses=GOING_ON))
        for record in [*going_on, *self._again]:
            records.setdefault(record.dagster_run.run_id, record)
        for run_id, record in records.items():
            if run_id in self._read_now:
                continue
            if self._over():
                return
            self._read(record, progress.seen(self._connection, run_id))

    def _over(self) -> bool:
        self.found.complete = self.found.complete and time.monotonic() < self._until
        return not self.found.complete

    def _updated(self) -> Iterator[RunRecord]:
        mark = progress.mark(self._connection, time.time())
        after = datetime.fromtimestamp(mark - progress.OVERLAP_SECONDS, UTC)
        limit, known = PAGE, set[str]()
        while True:
            page = self._instance.get_run_records(
                RunsFilter(statuses=READABLE, updated_after=after),
                limit=limit,
                order_by="update_timestamp",
                ascending=True,
            )
            for record in page:
                if record.dagster_run.run_id not in known:
                    known.add(record.dagster_run.run_id)
                    yield record
            if len(page) < limit:
                return
            # Runs updated at the same moment as the last one may stand on the next page.
            last = page[-1].update_timestamp - timedelta(microseconds=1)
            after, limit = max(last, after), limit if last > after else limit * 2

    def _by_id(self, run_ids: Sequence[str]) -> Iterator[RunRecord]:
        for start in range(0, len(run_ids), PAGE):
            yield from self._instance.get_run_records(RunsFilter(run_ids=run_ids[start : start + PAGE]))

    def _read(self, record: RunRecord, seen: Seen | None) -> None:
        run_id, updated = record.dagster_run.run_id, record.update_timestamp.timestamp()
        self._read_now.add(run_id)
        try:
            cursor, settled = self._read_events(record, seen)
        except sqlite3.Error:
            raise  # our own file
        except Exception:
            self._logger.exception("Run %s could not be read; it is tried again.", run_id)
            self.found.unread += 1
            cursor, settled = seen.cursor if seen is not None else "", False
        with state.transaction(self._connection):
            progress.note(self._connection, run_id, Seen(updated, cursor, settled, time.time()))

    def _read_events(self, record: RunRecord, seen: Seen | None) -> tuple[str, bool]:
        """Records what a run's events tell; returns the cursor after them, and whether nothing more is expected."""
        run = record.dagster_run
        known = seen is not None and (not run.is_finished or seen.settled)
        cursor = seen.cursor if seen is not None and known else ""
        while True:
            page = self._instance.get_records_for_run(
                run.run_id, cursor or None, of_type=DagsterEventType.ASSET_CHECK_EVALUATION, limit=PAGE
            )
            if page.records:
                with state.transaction(self._connection):
                    for event in page.records:
                        self._take(trouble.evaluated(event, run))
            cursor = page.cursor
            if not page.has_more:
                return cursor, run.is_finished and self._failure_is_told(record)

    def _take(self, evaluated: trouble.Evaluated) -> None:
        if evaluated.passed:
            alert = evaluated.alert
            checks.passed(self._connection, alert.subject, alert.when, alert.run_id)
        else:
            self.found.new += checks.failed(self._connection, evaluated.alert)

    def _failure_is_told(self, record: RunRecord) -> bool:
        """Records the failure of a run that is not retried; returns whether that is decided."""
        run = record.dagster_run
        if run.status != DagsterRunStatus.FAILURE or tags.RETRIED_BY in run.tags or tags.LOOK in run.tags:
            return True
        if time.time() - record.update_timestamp.timestamp() < self._patience(run):
            return False
        events = self._instance.get_records_for_run(
            run.run_id, of_type={DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}, limit=PAGE
        )
        with state.transaction(self._connection):
            self.found.new += outbox.add(self._connection, trouble.run_failures(events.records, run))
        return True

    def _patience(self, run: dg.DagsterRun) -> float:
        """How long after its failure it may turn out that a run is retried, in seconds."""
        will_retry = run.tags.get(tags.WILL_RETRY)
        if will_retry is None:
            return RETRY_KNOWN_SECONDS if self._instance.run_retries_enabled else 0.0
        return RETRY_STARTS_SECONDS if will_retry == "true" else 0.0
