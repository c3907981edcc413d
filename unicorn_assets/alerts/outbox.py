"""Where alerts are recorded, each id once. What is recorded reaches every route that takes it, or is shown as dead."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unicorn_assets import state
from unicorn_assets.alerts.alert import Alert, load
from unicorn_assets.alerts.routes import takes
from unicorn_assets.alerts.tables import TABLES
from unicorn_assets.settings import Route

SENSOR = "alerts"
"""Name of the sensor that reads the history and sends."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the file of the state, with the tables of the alerts.

    Raises:
        LakeError: the file cannot be used.
        BusyError: somebody else has been writing to it for too long.
    """
    with state.opened(path, *TABLES) as connection:
        yield connection


def record(path: Path, *alerts: Alert) -> int:
    """Records alerts for the next look of the sensor, which sends them. Safe to repeat: an id is taken once.

    Args:
        path: HOME/state.sqlite.
        alerts: what people should hear of; all of them at once, since each call waits for the disk.

    Returns:
        How many are new.
    """
    with opened(path) as connection, state.transaction(connection):
        return add(connection, alerts)


def add(connection: sqlite3.Connection, alerts: Iterable[Alert]) -> int:
    """Records alerts within the caller's transaction; returns how many are new."""
    new = 0
    for alert in alerts:
        row = (alert.id, alert.subject, alert.severity, alert.dump())
        taken = connection.execute(
            "INSERT INTO alerts (id, subject, severity, body) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING", row
        )
        new += taken.rowcount
    return new


def assign(connection: sqlite3.Connection, routes: Sequence[Route]) -> None:
    """Gives every new alert to the routes that take it; one that none takes is kept, and goes nowhere."""
    if connection.execute("SELECT 1 FROM alerts WHERE routed = 0").fetchone() is None:
        return
    with state.transaction(connection):
        for row in connection.execute("SELECT number, body FROM alerts WHERE routed = 0 ORDER BY number").fetchall():
            alert = load(row["body"])
            connection.executemany(
                "INSERT INTO alert_deliveries (route, alert, subject, severity) VALUES (?, ?, ?, ?)",
                [(r.name, row["number"], alert.subject, alert.severity) for r in routes if takes(r, alert)],
            )
        connection.execute("UPDATE alerts SET routed = 1 WHERE routed = 0")
