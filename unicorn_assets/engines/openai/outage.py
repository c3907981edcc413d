"""How long a server may give nothing: the patience with it, what the log says meanwhile, and the error at its end."""

import logging

from unicorn_assets.errors import EngineDownError

LOG_SECONDS = 10.0
"""Least time between two messages."""
QUIET_SECONDS = 1.0
"""Trouble this short is a server's everyday life and not worth a message."""

log = logging.getLogger(__name__)


class Outage:
    """The time since a server gave its last answer while others were asked for in vain.

    Args:
        where: the server's address, for people.
        patience: seconds until the step gives up.
    """

    def __init__(self, where: str, patience: float) -> None:
        self._where = where
        self._patience = patience
        self._since: float | None = None
        self._logged = float("-inf")
        self._told = False

    def trouble(self, what: str, now: float, wait: float, asked: float = 0.0) -> float:
        """A request failed through no fault of its own.

        Args:
            what: what happened.
            now: seconds of the clock.
            wait: seconds until the next try.
            asked: how many of these seconds the server has asked for.

        Returns:
            Seconds until the next try that patience allows.

        Raises:
            EngineDownError: patience has run out, or will before the server lets itself be asked again.
        """
        if self._since is None:
            self._since = now
        left = self._since + self._patience - now
        if left <= 0 or asked > left:
            until = f", and wants to be left alone for {asked:.0f} s" if asked else ""
            raise EngineDownError(
                f"The server at {self._where} has given no answer for {now - self._since:.0f} s ({what}){until}.",
                "see that it runs and is not overloaded, then run again: finished answers are kept. "
                "endpoint.patience_seconds in settings.toml says how long to wait for it.",
            )
        if now - self._since >= QUIET_SECONDS and now - self._logged >= LOG_SECONDS:
            self._logged, self._told = now, True
            log.warning("The server at %s gives no answer (%s); waiting up to %.0f s more.", self._where, what, left)
        return min(wait, left)

    def over(self, now: float) -> None:
        """An answer came."""
        if self._since is not None and self._told:
            log.warning("The server at %s answers again after %.0f s.", self._where, now - self._since)
        self._since, self._told = None, False
