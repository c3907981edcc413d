"""What waits in the outbox and why, and what was set aside: for `unicorn status` and the sensor's own words."""

import sqlite3
from dataclasses import dataclass

from unicorn_assets.alerts.message import moment


@dataclass(frozen=True)
class Standing:
    """How a route stands.

    Args:
        route: its name.
        waiting: alerts on their way.
        dead: alerts set aside after too many attempts.
        attempts: most attempts of a group that waits or was set aside.
        next_try: when the next group is due, in seconds since 1970; None where none is frozen.
        problem: what stopped the last attempt, empty if nothing did.
    """

    route: str
    waiting: int
    dead: int
    attempts: int
    next_try: float | None
    problem: str


def standings(connection: sqlite3.Connection) -> list[Standing]:
    """How every route stands that something waits for, was set aside on, or that has a problem; by name."""
    problems = dict(connection.execute("SELECT route, problem FROM alert_problems").fetchall())
    found = {row["route"]: _standing(row, problems) for row in connection.execute(_COUNTS).fetchall()}
    for route, problem in problems.items():
        found.setdefault(route, Standing(route, 0, 0, 0, None, problem))
    return [found[route] for route in sorted(found)]


_COUNTS = """
    SELECT alert_deliveries.route AS route,
        sum(coalesce(state, 'open') = 'open') AS waiting,
        sum(coalesce(state, 'open') = 'dead') AS dead,
        max(coalesce(attempts, 0)) AS attempts,
        min(CASE WHEN state = 'open' THEN next_try END) AS next_try,
        max(coalesce(problem, '')) AS problem
    FROM alert_deliveries LEFT JOIN alert_groups ON alert_groups.key = group_key
    WHERE state IS NULL OR state != 'sent'
    GROUP BY alert_deliveries.route
"""


def _standing(row: sqlite3.Row, problems: dict[str, str]) -> Standing:
    problem = problems.get(row["route"], "") or row["problem"]
    return Standing(row["route"], row["waiting"], row["dead"], row["attempts"], row["next_try"], problem)


def unassigned(connection: sqlite3.Connection) -> int:
    """Alerts that no look has given to the routes yet."""
    (count,) = connection.execute("SELECT count(*) FROM alerts WHERE routed = 0").fetchone()
    return int(count)


def words(standing: Standing) -> str:
    """How a route stands, in words."""
    why = f": {standing.problem}" if standing.problem else ""
    parts = []
    if standing.waiting:
        due = f", next try {moment(standing.next_try):%H:%M:%S} UTC" if standing.next_try is not None else ""
        parts.append(f"{_count(standing.waiting)} for route {standing.route}{due}")
    if standing.dead:
        parts.append(f"{standing.dead:,} set aside on route {standing.route} after too many tries")
    return ("; ".join(parts) or f"route {standing.route}") + why


def _count(waiting: int) -> str:
    return "1 waits" if waiting == 1 else f"{waiting:,} wait"
