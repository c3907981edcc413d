"""How a server is reached: its address and the key to it. The key leaves this module in a header alone."""

import os
from urllib.parse import urlsplit

from unicorn_assets.errors import EngineError
from unicorn_assets.settings import Endpoint

SHORTEST_SECRET = 8
"""Shorter keys (`none`, `EMPTY`) are stand-ins that guard nothing; hiding them would cut holes into plain text."""


class Access:
    """Address and key of a server.

    Args:
        endpoint: the settings; the key is read from the environment now.

    Raises:
        EngineError: the address or the key cannot be used; names the setting or the variable, never the value.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.base = _checked_base(endpoint.base_url)
        self.variable = endpoint.api_key_env
        self._key = _checked_key(self.variable)

    @property
    def has_key(self) -> bool:
        """Whether the environment holds a key."""
        return bool(self._key)

    def headers(self) -> dict[str, str]:
        """The headers that open the server."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def url(self, path: str) -> str:
        """Address of a resource below the base, as `chat/completions`."""
        return f"{self.base}/{path}"

    def redact(self, text: str) -> str:
        """`text` without the key, should it be in there: a server may echo what it was sent."""
        return text.replace(self._key, "***") if len(self._key) >= SHORTEST_SECRET else text


def _checked_base(url: str) -> str:
    where = "endpoint.base_url in settings.toml"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise EngineError(f"{where} is not a URL.", "write it like http://127.0.0.1:8000/v1.") from None
    if "@" in parts.netloc:
        raise EngineError(
            f"{where} holds a user name or a password.",
            "take it out; a key comes from the environment variable that endpoint.api_key_env names.",
        )
    if parts.query or parts.fragment:
        raise EngineError(f"{where} has a part after its path.", "end it with the path, mostly /v1.")
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise EngineError(f"{where} is {url!r}, no http address.", "write it like http://127.0.0.1:8000/v1.")
    return parts.geturl().rstrip("/")


def _checked_key(variable: str) -> str:
    key = os.environ.get(variable, "").strip() if variable else ""
    if not key.isascii() or any(character.isspace() or not character.isprintable() for character in key):
        raise EngineError(
            f"The key in {variable} holds a character that no HTTP header can carry.",
            f"set {variable} to the key alone, in ASCII and without spaces.",
        )
    return key
