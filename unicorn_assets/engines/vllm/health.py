"""Whether a server answers, and whether it gets on with what it has."""

import http.client
import json
import re

PROBE_SECONDS = 5.0
"""Longest wait for one answer to a probe."""
_FIGURE = re.compile(r"^(vllm:[a-z_]+)(?:\{[^\n]*\})? (\S+)$", re.MULTILINE)
_LOAD = ("vllm:num_requests_running", "vllm:num_requests_waiting")
_PROGRESS = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total")


def get(port: int, path: str, seconds: float = PROBE_SECONDS) -> str | None:
    """The body of an answer with status 200 from loopback, None where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode("utf-8", "replace")
        return body if response.status == 200 else None
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


def figures(metrics: str) -> tuple[float, tuple[float, ...]]:
    """Requests that the server has in hand, and the tokens that it has read and written so far."""
    sums: dict[str, float] = {}
    for name, value in _FIGURE.findall(metrics):
        sums[name] = sums.get(name, 0.0) + float(value)
    return sum(sums.get(name, 0.0) for name in _LOAD), tuple(sums.get(name, 0.0) for name in _PROGRESS)


class Watch:
    """Tells when a server hangs: it does not answer, or it has requests in hand and no token moves.

    The engine's core may hang behind a web server that still says that all is well, so health alone is not enough.

    Args:
        seconds: so long without a good sign is a hang.
        now: seconds of a clock that does not jump.
    """

    FEWEST = 3
    """Bad signs in a row that it takes, so that the watcher's own standstill is not mistaken for the server's."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds = seconds
        self._good = now
        self._bad = 0
        self._progress: tuple[float, ...] = ()

    @property
    def interval(self) -> float:
        """Seconds from one look to the next."""
        return min(5.0, self._seconds / 10)

    def look(self, port: int, now: float) -> bool:
        """Probes the server; says whether it hangs."""
        seconds = min(PROBE_SECONDS, self._seconds / self.FEWEST)
        healthy = get(port, "/health", seconds) is not None
        return self.judge(healthy, get(port, "/metrics", seconds) if healthy else None, now)

    def judge(self, healthy: bool, metrics: str | None, now: float) -> bool:
        """Whether it hangs, in the light of one more look."""
        load, progress = figures(metrics or "")
        if healthy and (load == 0 or progress != self._progress):
            self._good, self._bad = now, 0
        else:
            self._bad += 1
        self._progress = progress
        return self._bad >= self.FEWEST and now - self._good > self._seconds
