"""One look of the sender: every route in a thread of its own, so that one that hangs holds no other up.

Only one process sends at a time. What is not done when the time is over goes on at the next look.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets import state
from unicorn_assets.alerts import groups, outbox
from unicorn_assets.alerts.channels import Channel, open_channel
from unicorn_assets.alerts.routes import access
from unicorn_assets.errors import UnicornError
from unicorn_assets.settings import Alerts, Route

BUDGET_SECONDS = 15.0
"""No delivery begins after so long; with the longest time-out and the reading before, a look stays below a minute."""


@dataclass
class Sent:
    """What a look did on one route."""

    route: str
    alerts: int = 0
    groups: int = 0
    problem: str = ""


def deliver(
    path: Path,
    settings: Alerts,
    logger: logging.Logger,
    *,
    seconds: float = BUDGET_SECONDS,
    open_channel: Callable[..., Channel] = open_channel,
) -> list[Sent]:
    """Sends what is due, by every route.

    Args:
        path: HOME/state.sqlite.
        settings: routes and limits.
        logger: where `log` routes write.
        seconds: no delivery begins after so long.
        open_channel: opens a route's channel.

    Returns:
        What was done, by route.
    """
    with outbox.opened(path) as connection:
        outbox.assign(connection, settings.routes)
        done = [Sent(route.name) for route in settings.routes]
        workers = [
            threading.Thread(
                target=_work,
                args=(_Work(path, settings, logger, time.monotonic() + seconds, open_channel), route, sent),
                name=f"alerts-{route.name}",
                daemon=True,  # a name server that never answers must not keep the process
            )
            for route, sent in zip(settings.routes, done, strict=True)
        ]
        for worker in workers:
            worker.start()
        end = time.monotonic() + seconds + settings.timeout_seconds + 1
        for worker, sent in zip(workers, done, strict=True):
            worker.join(max(end - time.monotonic(), 0))
            if worker.is_alive():
                sent.problem = "it has not come back in time"
        _remember_problems(connection, done)
    return done


@dataclass(frozen=True)
class _Work:
    path: Path
    settings: Alerts
    logger: logging.Logger
    deadline: float
    open_channel: Callable[..., Channel]


def _work(work: _Work, route: Route, sent: Sent) -> None:
    try:
        channel = work.open_channel(route, access(route), work.settings, work.logger)
        with outbox.opened(work.path) as connection:
            # What has been frozen before goes first: if the endpoint is down, that tells it at the price of one try.
            _send_due(work, connection, channel, route, sent)
            if groups.freeze(connection, route.name, time.time()):
                _send_due(work, connection, channel, route, sent)
    except UnicornError as error:
        sent.problem = " ".join(str(error).split())
    except Exception as error:
        # Its text may hold an address; the kind of the error does not.
        sent.problem = f"unexpected {type(error).__name__}"


def _send_due(work: _Work, connection: sqlite3.Connection, channel: Channel, route: Route, sent: Sent) -> None:
    while time.monotonic() < work.deadline:
        group = groups.take(connection, route.name, work.settings, time.time())
        if group is None:
            return
        outcome = channel.send(group)
        groups.settle(connection, group, outcome, work.settings, time.time())
        if not outcome.problem:
            sent.alerts, sent.groups = sent.alerts + len(group.alerts), sent.groups + 1
            continue
        sent.problem = outcome.problem
        if outcome.down:
            return


def _remember_problems(connection: sqlite3.Connection, done: Sequence[Sent]) -> None:
    """For `unicorn status`, whose environment may be another one than the daemon's."""
    with state.transaction(connection):
        connection.execute("DELETE FROM alert_problems")
        connection.executemany(
            "INSERT INTO alert_problems (route, problem) VALUES (?, ?)",
            [(sent.route, sent.problem) for sent in done if sent.problem],
        )
