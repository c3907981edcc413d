"""How far the history of runs has been read. It stands beside the alerts, so that both move in one transaction.

The mark is the time of the last update of a run that has been read; every run updated before it has been. A run that
cannot be done with yet (it goes on, or could not be read) is followed until it can.
"""

import sqlite3
from dataclasses import dataclass

FIRST_LOOK_SECONDS = 24 * 3600.0
"""How far back the first look of a HOME goes: trouble of the last day is told, older history is not."""

OVERLAP_SECONDS = 600.0
"""How long after its last update a run is read again: events are committed later than the time that they carry."""

_MARK = "runs"


@dataclass(frozen=True)
class Seen:
    """How far a run has been read.

    Args:
        updated: its last update when it was read, in seconds since 1970.
        cursor: where to go on reading it.
        settled: whether nothing more is expected of it.
        read_at: when it was read.
    """

    updated: float
    cursor: str
    settled: bool
    read_at: float


def mark(connection: sqlite3.Connection, now: float) -> float:
    """Up to which time of update all runs have been read; on the first look, a day ago."""
    connection.execute(
        "INSERT INTO alert_marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (_MARK, now - FIRST_LOOK_SECONDS),
    )
    (value,) = connection.execute("SELECT value FROM alert_marks WHERE name = ?", (_MARK,)).fetchone()
    return float(value)


def read_until(connection: sqlite3.Connection) -> float | None:
    """Up to which time of update all runs have been read, None where nobody ever looked."""
    row = connection.execute("SELECT value FROM alert_marks WHERE name = ?", (_MARK,)).fetchone()
    return float(row["value"]) if row is not None else None


def advance(connection: sqlite3.Connection, updated: float) -> None:
    """Moves the mark forward within the caller's transaction."""
    connection.execute("UPDATE alert_marks SET value = max(value, ?) WHERE name = ?", (updated, _MARK))


def seen(connection: sqlite3.Connection, run_id: str) -> Seen | None:
    """How far a run has been read, None if not at all or long ago."""
    row = connection.execute(
        "SELECT updated, cursor, settled, read_at FROM alert_runs WHERE run_id = ?", (run_id,)
    ).fetchone()
    return Seen(row["updated"], row["cursor"], bool(row["settled"]), row["read_at"]) if row is not None else None


def note(connection: sqlite3.Connection, run_id: str, how: Seen) -> None:
    """Writes down within the caller's transaction how far a run has been read."""
    connection.execute(
        "INSERT OR REPLACE INTO alert_runs (run_id, updated, cursor, settled, read_at) VALUES (?, ?, ?, ?, ?)",
        (run_id, how.updated, how.cursor, how.settled, how.read_at),
    )


def followed(connection: sqlite3.Connection) -> list[str]:
    """Runs that cannot be done with yet, those first that have not been read for longest."""
    rows = connection.execute("SELECT run_id FROM alert_runs WHERE settled = 0 ORDER BY read_at").fetchall()
    return [row["run_id"] for row in rows]


def forget(connection: sqlite3.Connection, run_ids: list[str]) -> None:
    """Drops runs that exist no more, and those that were settled before the overlap."""
    connection.executemany("DELETE FROM alert_runs WHERE run_id = ?", [(run_id,) for run_id in run_ids])
    connection.execute(
        "DELETE FROM alert_runs WHERE settled = 1 AND updated < (SELECT value FROM alert_marks WHERE name = ?) - ?",
        (_MARK, 2 * OVERLAP_SECONDS),
    )
