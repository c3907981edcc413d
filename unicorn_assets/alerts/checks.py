"""How each check of each shard stands, by the order in which it was evaluated and not in which that was read.

A check that failed and passed afterwards is recovered, which gives one `resolved` for all its failures until then. A
failure that is read late, after its `resolved`, is an alert with a `resolved` of its own.
"""

import sqlite3

from unicorn_assets import state
from unicorn_assets.alerts import outbox
from unicorn_assets.alerts.alert import Alert, load
from unicorn_assets.alerts.tables import RECOVERED


def failed(connection: sqlite3.Connection, alert: Alert) -> int:
    """Records the failure of a check within the caller's transaction; returns how many alerts are new: 0 or 1."""
    new = outbox.add(connection, [alert])
    connection.execute(
        "INSERT INTO alert_checks (subject, failed_at, failure) VALUES (?, ?, ?) ON CONFLICT (subject) DO UPDATE"
        " SET failed_at = excluded.failed_at, failure = excluded.failure"
        " WHERE failed_at IS NULL OR failed_at < excluded.failed_at",
        (alert.subject, alert.when, alert.id),
    )
    return new


def passed(connection: sqlite3.Connection, subject: str, when: float, run_id: str) -> None:
    """Notes within the caller's transaction that a check passed."""
    connection.execute(
        "INSERT INTO alert_checks (subject, passed_at, passed_in) VALUES (?, ?, ?) ON CONFLICT (subject) DO UPDATE"
        " SET passed_at = excluded.passed_at, passed_in = excluded.passed_in"
        " WHERE passed_at IS NULL OR passed_at < excluded.passed_at",
        (subject, when, run_id),
    )


def resolve(connection: sqlite3.Connection) -> int:
    """Records a `resolved` for every check that is recovered, in a transaction of its own; returns how many.

    To be called when everything that can be read has been: a check that failed and recovered many times since the last
    look gives one.
    """
    with state.transaction(connection):
        recovered = connection.execute(
            "SELECT alert_checks.subject, body, passed_at, passed_in FROM alert_checks"
            f" JOIN alerts ON alerts.id = failure WHERE {RECOVERED} ORDER BY passed_at"
        ).fetchall()
        for row in recovered:
            outbox.add(connection, [_resolved(load(row["body"]), row["passed_at"], row["passed_in"])])
            connection.execute("UPDATE alert_checks SET told = failed_at WHERE subject = ?", (row["subject"],))
    return len(recovered)


def _resolved(failure: Alert, when: float, run_id: str) -> Alert:
    return Alert(
        id=f"{failure.id}:resolved",
        kind="resolved",
        severity=failure.severity,
        asset=failure.asset,
        shard=failure.shard,
        check=failure.check,
        what=f"Check {failure.check} passes again.",
        when=when,
        run_id=run_id,
    )
