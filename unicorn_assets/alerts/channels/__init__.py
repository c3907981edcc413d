"""The ways that a message leaves by. Each sends a group to one endpoint and says what became of it, in bounded time."""

import logging
from typing import Protocol

from unicorn_assets.alerts.groups import Group, Outcome
from unicorn_assets.alerts.routes import Access
from unicorn_assets.settings import Alerts, Route


class Channel(Protocol):
    """A way that messages leave by."""

    def send(self, group: Group) -> Outcome:
        """Sends the group within the settings' time-out. Never raises for what the endpoint or the network does."""


def open_channel(route: Route, access: Access, settings: Alerts, logger: logging.Logger) -> Channel:
    """The channel of a route.

    Args:
        route: the route.
        access: what opens its endpoint.
        settings: time-out, and where links lead.
        logger: where a `log` route writes.
    """
    if route.kind == "log":
        from unicorn_assets.alerts.channels.log import Log

        return Log(logger, settings.web_url)
    if route.kind == "email":
        from unicorn_assets.alerts.channels.email import Email

        return Email(route, access, settings)
    from unicorn_assets.alerts.channels.webhook import Webhook

    return Webhook(route, access, settings)
