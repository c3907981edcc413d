"""Groups of alerts on their way to one route: frozen before the first attempt, tried until they arrive or are dead.

An attempt is counted before it is made. So a process that dies in between has used it up, and the group is tried again
later under the same key; whoever receives it can tell by the key that it has been there before.
"""

import json
import random
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unicorn_assets import state
from unicorn_assets.alerts.alert import Alert, load
from unicorn_assets.lake.sidecar import Severity
from unicorn_assets.settings import Alerts

MOST_MEMBERS = 100
MOST_BYTES = 200_000
"""Most bytes of a group's alerts; endpoints refuse what is much larger than that."""

LONGEST_WAIT_SECONDS = 1800.0
JITTER = 0.2


@dataclass(frozen=True)
class Group:
    """Alerts that go to one route in one message.

    Args:
        key: the idempotency key; the same at every attempt.
        route: name of the route.
        severity: the severity of all members.
        frozen_at: when its members were settled, in seconds since 1970.
        attempts: attempts so far, with the one that is about to be made.
        reached: receivers that have it already, where a route has several.
        alerts: the members, oldest first.
    """

    key: str
    route: str
    severity: Severity
    frozen_at: float
    attempts: int
    reached: frozenset[str]
    alerts: tuple[Alert, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of an attempt.

    Args:
        problem: why it did not arrive, empty if it did. Holds neither address nor token.
        down: whether the endpoint itself seems to be down, so that nothing else needs to be tried there for now.
        wait: seconds that the endpoint asks for.
        reached: receivers that have it, where a route has several.
    """

    problem: str = ""
    down: bool = False
    wait: float = 0.0
    reached: frozenset[str] = frozenset()


def freeze(connection: sqlite3.Connection, route: str, now: float) -> int:
    """Puts the route's waiting alerts into groups, errors first; returns how many groups that made.

    An alert waits for an earlier one about the same check that is still on its way, so that no `resolved` comes before
    its failure. While the endpoint is down, nothing is frozen: what gathers in that time leaves as few groups.
    """
    with state.transaction(connection):
        if connection.execute(_DOWN, (route, now)).fetchone() is not None:
            return 0
        made = 0
        frozen: set[str] = set()
        for severity in ("ERROR", "WARN"):
            for members in _packed(connection.execute(_WAITING, (route, severity)).fetchall(), frozen):
                _make(connection, route, severity, members, now)
                made += 1
        return made


# A group that met a dead endpoint three times may be the one that kills it, so the others get their turn.
_DOWN = """
    SELECT 1 FROM alert_groups
    WHERE route = ? AND state = 'open' AND down = 1 AND attempts < 3 AND next_try > ? LIMIT 1
"""
_WAITING = """
    SELECT alert, new.subject, length(CAST(body AS BLOB)) AS size
    FROM alert_deliveries AS new JOIN alerts ON number = alert
    WHERE route = ? AND new.severity = ? AND group_key IS NULL AND NOT EXISTS (
        SELECT 1 FROM alert_deliveries AS old JOIN alert_groups ON alert_groups.key = old.group_key
        WHERE old.route = new.route AND old.subject = new.subject AND alert_groups.state = 'open'
    )
    ORDER BY alert
"""


def _packed(waiting: Iterable[sqlite3.Row], frozen: set[str]) -> Iterator[list[int]]:
    """Members of groups that are small enough. A subject stands in one group alone: `frozen` are those that do already.

    What is left out waits for the next time, since a group may arrive before the one that was made before it.
    """
    members: dict[int, str] = {}
    size = 0
    for row in waiting:
        if members and (len(members) == MOST_MEMBERS or size + row["size"] > MOST_BYTES):
            yield list(members)
            frozen.update(members.values())
            members, size = {}, 0
        if row["subject"] not in frozen:
            members[row["alert"]] = row["subject"]
            size += row["size"]
    if members:
        yield list(members)
    frozen.update(members.values())


def _make(connection: sqlite3.Connection, route: str, severity: str, members: list[int], now: float) -> None:
    key = str(uuid.uuid4())
    connection.execute(
        "INSERT INTO alert_groups (key, route, severity, frozen_at, next_try) VALUES (?, ?, ?, ?, ?)",
        (key, route, severity, now, now),
    )
    connection.executemany(
        "UPDATE alert_deliveries SET group_key = ? WHERE route = ? AND alert = ?",
        [(key, route, member) for member in members],
    )


def take(connection: sqlite3.Connection, route: str, settings: Alerts, now: float) -> Group | None:
    """The route's oldest group that is due, with its attempt counted; None if there is none."""
    with state.transaction(connection):
        # Only where its last attempt was cut off, or where fewer attempts are allowed than before.
        connection.execute(
            "UPDATE alert_groups SET state = 'dead' WHERE route = ? AND state = 'open' AND next_try <= ?"
            " AND attempts >= ?",
            (route, now, settings.max_attempts),
        )
        row = connection.execute(
            "SELECT * FROM alert_groups WHERE route = ? AND state = 'open' AND next_try <= ? ORDER BY number LIMIT 1",
            (route, now),
        ).fetchone()
        if row is None:
            return None
        attempts = row["attempts"] + 1
        connection.execute(
            "UPDATE alert_groups SET attempts = ?, next_try = ? WHERE key = ?",
            (attempts, now + settings.timeout_seconds + wait(settings, attempts), row["key"]),
        )
    members = connection.execute(
        "SELECT body FROM alerts JOIN alert_deliveries ON number = alert WHERE group_key = ? ORDER BY number",
        (row["key"],),
    ).fetchall()
    return Group(
        key=row["key"],
        route=route,
        severity=row["severity"],
        frozen_at=row["frozen_at"],
        attempts=attempts,
        reached=frozenset(json.loads(row["reached"])),
        alerts=tuple(load(member["body"]) for member in members),
    )


def settle(connection: sqlite3.Connection, group: Group, outcome: Outcome, settings: Alerts, now: float) -> None:
    """Writes down what became of an attempt: arrived, to be tried again, or set aside after too many."""
    with state.transaction(connection):
        if not outcome.problem:
            connection.execute(
                "UPDATE alert_groups SET state = 'sent', problem = '', down = 0 WHERE key = ?", (group.key,)
            )
            return
        dead = group.attempts >= settings.max_attempts
        pause = max(wait(settings, group.attempts), min(outcome.wait, LONGEST_WAIT_SECONDS))
        reached = json.dumps(sorted(group.reached | outcome.reached))
        connection.execute(
            "UPDATE alert_groups SET state = ?, next_try = ?, down = ?, reached = ?, problem = ?"
            " WHERE key = ? AND state = 'open'",
            ("dead" if dead else "open", now + pause, outcome.down, reached, outcome.problem, group.key),
        )


def revive(connection: sqlite3.Connection, now: float) -> int:
    """Gives every group that was set aside all its attempts again, under its old key; returns how many."""
    with state.transaction(connection):
        return connection.execute(
            "UPDATE alert_groups SET state = 'open', attempts = 0, next_try = ?, down = 0 WHERE state = 'dead'", (now,)
        ).rowcount


def wait(settings: Alerts, attempts: int) -> float:
    """Seconds until the next attempt: doubling, capped, and spread so that many do not come at once."""
    doubled: float = settings.first_wait_seconds * 2.0 ** min(attempts - 1, 16)
    return min(doubled, LONGEST_WAIT_SECONDS) * random.uniform(1 - JITTER, 1 + JITTER)
