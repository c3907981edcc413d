"""Dagster's history grown old: which runs may go, and how they go so that nothing of them is left on disk.

Dagster deletes a run on demand but keeps its SQLite file, its check results and its printed output. What the web UI
shows of today stands on the newest events of each asset and shard, so their runs stay, however old.
"""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
from sqlalchemy import func, select, text

from unicorn_assets.execution.internals import (
    BACKFILL_ID_TAG,
    BULK_ACTION_TERMINAL_STATUSES,
    INDEX_SHARD_NAME,
    AssetCheckExecutionsTable,
    BulkActionsFilter,
    BulkActionStatus,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)
from unicorn_assets.lake.files import write_whole

FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
NEWEST = ("ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED", "ASSET_OBSERVATION")
TABLES = ("event_logs", "asset_event_tags", "asset_check_executions", "runs", "run_tags")
BATCH = 100
ORPHAN_SECONDS = 3600.0
"""A file without a run is left alone so long: its run may just be beginning."""
BUSY_SECONDS = 30.0
SHRINK_SHARE = 0.2
"""A database is written anew once so much of it is empty, since it can take nothing in meanwhile."""


@dataclass(frozen=True)
class Old:
    """Finished runs before a date.

    Args:
        gone: those that may go.
        newest: how many stay because an asset, a shard or a check has nothing newer.
        in_backfill: how many stay because their backfill is not finished.
    """

    gone: list[str]
    newest: int
    in_backfill: int


class OldRuns:
    """What has grown old in the history of an instance.

    Args:
        instance: the instance.
        begun: a file that names the runs that are being deleted, so that the next one ends what a kill cut short.
    """

    def __init__(self, instance: dg.DagsterInstance, begun: Path) -> None:
        self._instance, self._begun = instance, begun
        storage = instance.event_log_storage
        assert isinstance(storage, SqlEventLogStorage)
        self._events = storage

    @property
    def in_files(self) -> bool:
        """Whether it stands in SQLite files, one a run, rather than in Postgres."""
        return isinstance(self._events, SqliteEventLogStorage)

    def old(self, before: datetime) -> Old:
        """The finished runs that nothing happened to since `before`."""
        newest, unfinished = self._newest(), self._unfinished_backfills()
        gone, kept, in_backfill = [], 0, 0
        for run in self._finished(before):
            if run.tags.get(BACKFILL_ID_TAG) in unfinished:
                in_backfill += 1
            elif run.run_id in newest:
                kept += 1
            else:
                gone.append(run.run_id)
        return Old(gone, kept, in_backfill)

    def _finished(self, before: datetime) -> Iterator[dg.DagsterRun]:
        wanted, cursor = dg.RunsFilter(statuses=FINISHED, updated_before=before), None
        while page := self._instance.get_runs(wanted, cursor=cursor, limit=500):
            yield from page
            cursor = page[-1].run_id

    def _newest(self) -> set[str]:
        """Runs with the newest event of an asset and shard, or the newest result of a check."""
        events, checks = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c
        last_events = (
            select(func.max(events.id))
            .where(events.dagster_event_type.in_(NEWEST))
            .group_by(events.asset_key, events.partition, events.dagster_event_type)
        )
        last_checks = select(func.max(checks.id)).group_by(checks.asset_key, checks.check_name, checks.partition)
        with self._events.index_connection() as connection:
            found = set(connection.execute(select(events.run_id).where(events.id.in_(last_events))).scalars())
            found |= set(connection.execute(select(checks.run_id).where(checks.id.in_(last_checks))).scalars())
        return found

    def _unfinished_backfills(self) -> set[str]:
        open_ones = [status for status in BulkActionStatus if status not in BULK_ACTION_TERMINAL_STATUSES]
        found = self._instance.get_backfills(filters=BulkActionsFilter(statuses=open_ones))
        return {backfill.backfill_id for backfill in found}

    def delete(self, runs: Iterable[str], progress: Callable[[int], None] = lambda done: None) -> None:
        """Deletes runs with all that is kept of them. Begins with those that an interrupted call left half-deleted."""
        begun = self._begun.read_text().split() if self._begun.is_file() else []
        waiting = list(dict.fromkeys([*begun, *runs]))
        for start in range(0, len(waiting), BATCH):
            batch = waiting[start : start + BATCH]
            write_whole(self._begun, "\n".join(batch))
            for run in batch:
                self._instance.delete_run(run)
                self._remove_files(run)
            with self._events.index_connection() as connection:
                connection.execute(
                    AssetCheckExecutionsTable.delete().where(AssetCheckExecutionsTable.c.run_id.in_(batch))
                )
            self._begun.unlink()
            progress(start + len(batch))
        self._remove_orphans()

    def _remove_files(self, run: str) -> None:
        shutil.rmtree(Path(self._instance.storage_directory()) / run, ignore_errors=True)
        if isinstance(self._events, SqliteEventLogStorage):
            _remove_database(Path(self._events.path_for_shard(run)))

    def _remove_orphans(self) -> None:
        """A page of the UI that is open on a run while it goes makes its file anew, empty."""
        if not isinstance(self._events, SqliteEventLogStorage):
            return
        folder = Path(self._events.path_for_shard(INDEX_SHARD_NAME)).parent
        known = set(self._instance.get_run_ids()) | {INDEX_SHARD_NAME}
        for path in folder.glob("*-*.db"):
            if path.stem not in known and time.time() - path.stat().st_mtime > ORPHAN_SECONDS:
                _remove_database(path)

    def shrink(self) -> bool:
        """Gives what the deleted runs took back: to the disk with SQLite, to the next runs with Postgres.

        Returns:
            False where somebody kept a database busy, so that it stays as large as it is until the next time.
        """
        if not isinstance(self._events, SqliteEventLogStorage):
            with self._events.index_connection() as connection:
                for table in TABLES:
                    connection.execute(text(f"VACUUM {table}"))
            return True
        index = Path(self._events.path_for_shard(INDEX_SHARD_NAME))
        databases = [index, index.parent.parent / "runs.db"]
        return all([_shrunk(path) for path in databases if path.is_file()])


def _remove_database(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _shrunk(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        try:
            (free,), (pages,) = (
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_count")
            )
            if free >= SHRINK_SHARE * pages:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError:
            return False
    return True
