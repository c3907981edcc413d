"""Whether a server answers, and whether it gets on with what it has."""

import http.client
import json
import re

PROBE_SECONDS = 5.0
"""Longest wait for one answer to a look."""
_TOKENS = re.compile(r"^vllm:(?:prompt|generation)_tokens_total(?:\{[^\n]*\})? (\S+)$", re.MULTILINE)


def get(port: int, path: str) -> str | None:
    """The body of an answer with status 200 from loopback, None where there is none."""
    return _exchange("GET", port, path, None, PROBE_SECONDS)


def writes(port: int, name: str, seconds: float) -> bool:
    """Whether the model of this name writes one token within that time."""
    body = json.dumps({"model": name, "prompt": "a", "max_tokens": 1, "temperature": 0})
    return _exchange("POST", port, "/v1/completions", body, seconds) is not None


def _exchange(method: str, port: int, path: str, body: str | None, seconds: float) -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        received = response.read().decode("utf-8", "replace")
        return received if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def is_ready(port: int, name: str) -> bool:
    """Whether the server at the port is healthy, and the one that lists a model of this name."""
    if get(port, "/health") is None:
        return False
    try:
        listed = json.loads(get(port, "/v1/models") or "{}")
        return name in [model["id"] for model in listed["data"]]
    except (ValueError, TypeError, KeyError):
        return False


def tokens(metrics: str) -> float:
    """Tokens that a server has read and written so far, from what it says at `/metrics`."""
    return sum(map(float, _TOKENS.findall(metrics)))


class Watch:
    """Tells when a server hangs.

    Its web server may say that all is well while the core behind it stands still, and so may its count of what it has
    in hand. So what counts is tokens: where none moves for half the time, it is asked for one, and has the other half
    for it. An idle server writes it at once.

    Args:
        port: the server's.
        name: a name of its model.
        now: seconds of a clock that does not jump.
    """

    def __init__(self, port: int, name: str, now: float) -> None:
        self._port = port
        self._name = name
        self._looked = self._good = now
        self._tokens = -1.0

    def hangs(self, now: float, seconds: float) -> bool:
        """Looks if it is time to; says whether the server has not got on for so many seconds, give or take a look."""
        if now - self._looked < min(PROBE_SECONDS, seconds / 10):
            return False
        self._looked = now
        metrics = get(self._port, "/metrics")
        moved = -1.0 if metrics is None else tokens(metrics)
        if moved > self._tokens:
            self._good = now
        self._tokens = max(self._tokens, moved)
        if now - self._good < seconds / 2:
            return False
        self._good = now
        return not writes(self._port, self._name, seconds / 2)
