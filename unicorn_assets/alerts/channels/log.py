"""The log: one record for each alert."""

import logging

from unicorn_assets.alerts import message
from unicorn_assets.alerts.groups import Group, Outcome

_LEVELS = {"ERROR": logging.ERROR, "WARN": logging.WARNING}


class Log:
    """Writes to a logger.

    Args:
        logger: where it writes.
        web_url: where links lead.
    """

    def __init__(self, logger: logging.Logger, web_url: str) -> None:
        self._logger, self._web_url = logger, web_url

    def send(self, group: Group) -> Outcome:
        """Writes a line for each alert; what is over is told without alarm."""
        for alert in group.alerts:
            level = logging.INFO if alert.kind == "resolved" else _LEVELS[group.severity]
            self._logger.log(level, "Alert %s: %s", alert.id, message.line(alert, self._web_url))
        return Outcome()
