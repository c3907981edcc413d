"""The sensor `alerts`: each look reads what the runs found, and sends what is due. On by default.

Nothing depends on the sensor's own cursor, which Dagster moves even where the look failed: how far the history has been
read stands in HOME/state.sqlite beside the alerts.
"""

import time
from collections.abc import Sequence

import dagster as dg

from unicorn_assets import settings
from unicorn_assets.alerts import outbox, overview
from unicorn_assets.alerts.delivery import Sent, deliver
from unicorn_assets.defs.history import Found, read_history
from unicorn_assets.errors import BusyError, RecipeError
from unicorn_assets.execution import runs
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import locked
from unicorn_assets.settings import Alerts

READING_SECONDS = 15.0
"""Time for reading in one look; what is left is read at the next. The code server allows a look a minute in all."""


def sensor(home: Home) -> dg.SensorDefinition:
    """The sensor of a home. Its settings are read anew at each look, but for the interval."""

    @dg.sensor(
        name=outbox.SENSOR,
        minimum_interval_seconds=_interval(home),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of failed checks and runs, and of checks that pass again, by the routes in settings.toml.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        return dg.SkipReason(look(context, home))

    return alerts


def look(context: dg.SensorEvaluationContext, home: Home) -> str:
    """Reads and sends; returns what it did, in words.

    Raises:
        UnicornError: the settings or HOME/state.sqlite cannot be used.
    """
    for run in runs.remind(context.instance):
        context.log.warning(f"{runs.OVERDUE} (run {run})")
    chosen = settings.load(home.path).alerts
    try:
        with locked(home.path / "locks" / outbox.SENSOR, what="the alerts", wait_seconds=0):
            try:
                with outbox.opened(home.state) as connection:
                    until = time.monotonic() + READING_SECONDS
                    found = read_history(connection, context.instance, context.log, until=until)
            finally:  # what was recorded before is sent even where the history cannot be read
                sent = deliver(home.state, chosen, context.log)
            with outbox.opened(home.state) as connection:
                waits = [overview.words(standing) for standing in overview.standings(connection)]
    except BusyError as error:
        return f"Nothing done: {error.what}"
    return in_words(found, sent, waits)


def in_words(found: Found, sent: Sequence[Sent], waits: Sequence[str]) -> str:
    """What a look did, for the sensor's page."""
    parts = [part for part in (_found(found), _sent(sent)) if part]
    return "; ".join([*(parts or ["nothing new"]), *waits]) + "."


def _found(found: Found) -> str:
    parts = []
    if found.new:
        parts.append(f"{found.new:,} new")
    if found.resolved:
        parts.append(f"{found.resolved:,} resolved")
    if found.unread:
        parts.append(f"{found.unread:,} run{'s' * (found.unread > 1)} could not be read (see this tick's log)")
    if not found.complete:
        parts.append("more runs are read at the next look")
    return ", ".join(parts)


def _sent(sent: Sequence[Sent]) -> str:
    alerts, groups = sum(one.alerts for one in sent), sum(one.groups for one in sent)
    if not groups:
        return ""
    return (
        f"{alerts:,} {'alert' if alerts == 1 else 'alerts'} sent in {groups:,} {'group' if groups == 1 else 'groups'}"
    )


def _interval(home: Home) -> int:
    """The interval of the settings; where they are not valid the graph still loads, and each look says so."""
    try:
        return settings.load(home.path).alerts.interval_seconds
    except RecipeError:
        return Alerts().interval_seconds
