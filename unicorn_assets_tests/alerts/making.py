"""Alerts, settings, and one look of the sender, as the tests of the alerts need them; and processes that are killed."""

import logging
import os
import signal
from contextlib import contextmanager

from unicorn_assets import state
from unicorn_assets.alerts import delivery, outbox, overview
from unicorn_assets.alerts.alert import Alert
from unicorn_assets.alerts.channels import open_channel
from unicorn_assets.settings import Alerts

HOOK, TOKEN = "TEST_HOOK_ADDRESS", "TEST_HOOK_TOKEN"
WEBHOOK = {"name": "ops", "kind": "webhook", "address_env": HOOK}
LOGGER = logging.getLogger("unicorn_assets_tests.alerts")


def alert(number=0, **options):
    fields = {
        "id": f"run-{number}:7",
        "kind": "check_failed",
        "severity": "ERROR",
        "asset": "expanded_captions",
        "shard": f"shard-{number:04d}",
        "check": "no_drift",
        "what": "Check no_drift failed: the texts lie where they should.",
        "when": 1_790_000_000.0 + number,
        "figures": {"limit": 0.05, "share": 0.31},
        "run_id": f"run-{number}",
    }
    return Alert(**fields | options)


def settings(*routes, **options):
    chosen = {"timeout_seconds": 2.0, "first_wait_seconds": 0.05, "max_attempts": 5} | options
    return Alerts.model_validate(chosen | ({"routes": list(routes)} if routes else {}))


def record(path, *alerts):
    with outbox.opened(path) as connection, state.transaction(connection):
        return outbox.add(connection, alerts)


def look(path, chosen, **options):
    return delivery.deliver(path, chosen, LOGGER, **options)


def rows(path, query, *values):
    with outbox.opened(path) as connection:
        return [tuple(row) for row in connection.execute(query, values).fetchall()]


def waiting(path):
    """How many alerts are on their way."""
    with outbox.opened(path) as connection:
        return outbox_waiting(connection)


def outbox_waiting(connection):
    return sum(one.waiting for one in overview.standings(connection)) + overview.unassigned(connection)


def killed_while_sending(call, path, environment, chosen, alerts):
    """Records alerts and sends them; killed at the step with that number: around each commit and each request."""
    os.environ |= environment
    left = call

    def step():
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    real = state.transaction

    @contextmanager
    def transaction(connection):
        with real(connection):
            step()
            yield
            step()
        step()

    class Channel:
        def __init__(self, *arguments):
            self.channel = open_channel(*arguments)

        def send(self, group):
            step()
            outcome = self.channel.send(group)
            step()
            return outcome

    state.transaction = transaction
    record(path, *alerts)
    look(path, chosen, open_channel=Channel)
