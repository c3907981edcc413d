"""Which route takes an alert, and what opens its endpoint.

Addresses and tokens are read from the environment at every look, and leave this module to be used in a request alone.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from unicorn_assets.alerts.alert import Alert
from unicorn_assets.errors import RecipeError
from unicorn_assets.settings import Route


@dataclass(frozen=True)
class Access:
    """What opens a route's endpoint; never shown, never stored."""

    address: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


def takes(route: Route, alert: Alert) -> bool:
    """Whether the route takes the alert, by severity and asset."""
    if alert.severity not in route.severities:
        return False
    return not alert.asset or any(fnmatchcase(alert.asset, pattern) for pattern in route.assets)


def access(route: Route, environment: Mapping[str, str] = os.environ) -> Access:
    """What opens the route's endpoint.

    Raises:
        RecipeError: a variable is not set or cannot be used; names the variable, never its value.
    """
    return Access(
        address=_address(route, environment) if route.kind in ("webhook", "slack") else "",
        token=_token(route, environment),
        user=_value(route, route.user_env, environment) if route.user_env else "",
        password=_value(route, route.password_env, environment) if route.password_env else "",
    )


def _value(route: Route, variable: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable, "").strip()
    if not value:
        raise RecipeError(
            f"The environment variable {variable} of the alert route {route.name} is not set.",
            f"set {variable} where the daemon and the code server are started, and restart them; its alerts wait.",
        )
    return value


def _address(route: Route, environment: Mapping[str, str]) -> str:
    address = _value(route, route.address_env, environment)
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not address.isprintable() or " " in address:
        raise RecipeError(
            f"What {route.address_env} of the alert route {route.name} holds is no http address.",
            f"set {route.address_env} to a whole address, like https://host/path, and restart; its alerts wait.",
        )
    return address


def _token(route: Route, environment: Mapping[str, str]) -> str:
    if not route.token_env:
        return ""
    token = _value(route, route.token_env, environment)
    if not token.isascii() or not token.isprintable() or " " in token:
        raise RecipeError(
            f"The token in {route.token_env} holds a character that no HTTP header can carry.",
            f"set {route.token_env} to the token alone, in ASCII and without spaces, and restart; its alerts wait.",
        )
    return token
