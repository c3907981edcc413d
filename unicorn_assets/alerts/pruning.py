"""Alerts grown old: which may go, so that the outbox does not grow for ever.

An id is kept for as long as it may be recorded again. That of a check or a failure is read from its run, so it may go
with that run; one that says that something was given up is recorded at each look of a schedule, so it stays.
"""

import sqlite3
from collections.abc import Collection

from unicorn_assets import state


def old(connection: sqlite3.Connection, before: float, living: Collection[str]) -> list[int]:
    """Numbers of the alerts that may go: all routes that took them have them, and nobody will record them again.

    Args:
        connection: HOME/state.sqlite, as `outbox.opened` gives it.
        before: only what happened before that time goes, in seconds since 1970.
        living: ids of the runs that are still in Dagster's history.
    """
    found = connection.execute(_ARRIVED, (before,)).fetchall()
    return [row["number"] for row in found if row["run"] not in living]


# A failure stays until its `resolved` has been made of it.
_ARRIVED = """
    SELECT number, json_extract(body, '$.run_id') AS run FROM alerts
    WHERE routed = 1 AND json_extract(body, '$.when') < ? AND json_extract(body, '$.kind') != 'gave_up'
    AND number NOT IN (
        SELECT alert FROM alert_deliveries LEFT JOIN alert_groups ON key = group_key WHERE coalesce(state, '') != 'sent'
    )
    AND id NOT IN (SELECT failure FROM alert_checks WHERE failure IS NOT NULL AND (told IS NULL OR told < failed_at))
"""


def drop(connection: sqlite3.Connection, before: float, living: Collection[str]) -> int:
    """Drops them, with the groups that they arrived in; returns how many alerts there were. Arguments as for `old`."""
    with state.transaction(connection):
        gone = old(connection, before, living)
        connection.execute("CREATE TEMP TABLE gone (number INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO gone VALUES (?)", [(number,) for number in gone])
        connection.execute("DELETE FROM alert_deliveries WHERE alert IN (SELECT number FROM gone)")
        connection.execute("DELETE FROM alerts WHERE number IN (SELECT number FROM gone)")
        connection.execute(
            "DELETE FROM alert_groups WHERE state = 'sent' AND key NOT IN"
            " (SELECT group_key FROM alert_deliveries WHERE group_key IS NOT NULL)"
        )
        connection.execute("DROP TABLE gone")
    return len(gone)
