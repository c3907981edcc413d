"""How often making a partition has failed, so that one that never will is left alone. In HOME/state.sqlite."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unicorn_assets import state

TABLES = (
    """
    CREATE TABLE IF NOT EXISTS attempts (
        run_id TEXT PRIMARY KEY,
        partition TEXT NOT NULL,
        wanted TEXT NOT NULL,
        failed_at REAL NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS attempts_partition ON attempts (partition, wanted)",
)

_FORGOTTEN = ""
"""What a run was to make that counts no more: nothing that anybody asks for."""


class Attempts:
    """The failed attempts of a HOME. A partition is a shard, or a name of the caller's for what has no shards."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def failed(self, run_id: str, partition: str, wanted: str, failed_at: float) -> None:
        """Notes a run that failed; each counts once, however often it is noted.

        Args:
            run_id: the run.
            partition: what it was to make.
            wanted: names what would have come out; a change of recipe begins a new count.
            failed_at: seconds since 1970.
        """
        with state.transaction(self._connection):
            self._connection.execute(
                "INSERT OR IGNORE INTO attempts VALUES (?, ?, ?, ?)", (run_id, partition, wanted, failed_at)
            )

    def count(self, partition: str, wanted: str) -> int:
        """How often making just this has failed."""
        (found,) = self._connection.execute(
            "SELECT count(*) FROM attempts WHERE partition = ? AND wanted = ?", (partition, wanted)
        ).fetchone()
        return int(found)

    def last(self, partition: str, wanted: str) -> tuple[float, str]:
        """When it failed last, in seconds since 1970, and in which run; 0 and nothing where it has not."""
        found = self._connection.execute(
            "SELECT failed_at, run_id FROM attempts WHERE partition = ? AND wanted = ? ORDER BY failed_at DESC LIMIT 1",
            (partition, wanted),
        ).fetchone()
        return (float(found["failed_at"]), str(found["run_id"])) if found is not None else (0.0, "")

    def forget(self, partition: str) -> None:
        """Begins a new count, once the partition has been made. Its runs stay on record, so that none counts again."""
        with state.transaction(self._connection):
            self._connection.execute("UPDATE attempts SET wanted = ? WHERE partition = ?", (_FORGOTTEN, partition))

    def clear(self, before: float) -> None:
        """Drops what was forgotten and failed before that time, in seconds since 1970: nobody notes it any more."""
        with state.transaction(self._connection):
            self._connection.execute("DELETE FROM attempts WHERE wanted = ? AND failed_at < ?", (_FORGOTTEN, before))

    def partitions(self) -> set[str]:
        """Those with a failed attempt that counts."""
        found = self._connection.execute("SELECT DISTINCT partition FROM attempts WHERE wanted != ?", (_FORGOTTEN,))
        return {row["partition"] for row in found}


@contextmanager
def opened(path: Path) -> Iterator[Attempts]:
    """The failed attempts in HOME/state.sqlite.

    Raises:
        LakeError: the file cannot be used.
        BusyError: somebody else has been writing to it for too long.
    """
    with state.opened(path, *TABLES) as connection:
        yield Attempts(connection)
