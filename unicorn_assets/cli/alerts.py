"""`unicorn alerts`, and the part of `unicorn status` about alerts: what waits and why, and what was set aside."""

import time

import click

from unicorn_assets.alerts import groups, outbox, overview
from unicorn_assets.home import Home


def lines(home: Home) -> list[str]:
    """A line for each route that something waits for or was set aside on, and none where all is well."""
    if not home.state.is_file():
        return []
    with outbox.opened(home.state) as connection:
        found = [overview.words(standing) for standing in overview.standings(connection)]
        unassigned = overview.unassigned(connection)
    if unassigned:
        found.append(f"{unassigned:,} for the next look of the sensor `{outbox.SENSOR}`; it runs with `unicorn dev`")
    return [f"Alerts: {line}" for line in found]


def alerts(home: Home, *, retry: bool) -> None:
    """Prints what waits and what was set aside; with `retry`, what was set aside is sent again."""
    if retry and home.state.is_file():
        with outbox.opened(home.state) as connection:
            revived = groups.revive(connection, time.time())
        click.echo(f"{revived:,} groups are sent again at the next look of the sensor `{outbox.SENSOR}`.")
    for line in lines(home) or ["Alerts: none waits, none was set aside."]:
        click.echo(line)
