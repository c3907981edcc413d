"""How fast an engine answers: measured from a profile with many requests in flight, then carried to any number of rows.

The server is taken for a queue: rate times time of service gives, by Little's law (1961), how many requests it works on
at once. A shard's rows then go through that queue, so that its last answers, which leave places empty, take the time
that they take. What a profile needs beyond that is its ramp, until enough requests are in flight; a run has it once.
Pure.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np

BLOCKS = 6
"""Stretches of the steady time whose rates are compared."""
FIRST = 16
"""Requests that are sent before any answer has come: what a server takes for one when it is not full."""
ROUNDS = 20
"""Simulated queues are longer than this many rounds of the places never: from there on it is the rate."""
HARDLY = 1.3
"""A server whose answers take no more than this many times their first seconds has places left."""


@dataclass(frozen=True)
class Pace:
    """The pace of an engine.

    Args:
        rate: answers a second once enough requests are in flight.
        rates: the same over stretches of the profile, one after the other.
        service: seconds that single answers took before the server was full.
        startup: seconds until the first request could be sent; of a server of ours.
        ramp: seconds that the profile lost until enough requests were in flight.
        full: whether more requests in flight would have brought no more answers, as far as the profile shows.
    """

    rate: float
    rates: tuple[float, ...]
    service: tuple[float, ...] = field(default=(), repr=False)
    startup: float = 0.0
    ramp: float = 0.0
    full: bool = True

    def seconds(self, rows: int) -> float:
        """Time from the first question to the last answer of one asking, start-up and ramp apart."""
        if rows <= 0:
            return 0.0
        if not self.service:
            return rows / self.rate
        places = max(1, round(self.rate * sum(self.service) / len(self.service)))
        queued = min(rows, ROUNDS * places)
        return (rows - queued) / self.rate + _makespan(queued, places, self.service)


def as_before(rates: tuple[float, ...]) -> Pace | None:
    """The pace of shards that stand, by the answers a second of each."""
    return Pace(sum(rates) / len(rates), rates) if rates else None


@lru_cache(maxsize=4096)
def _makespan(rows: int, places: int, service: tuple[float, ...]) -> float:
    """Mean time of a queue of `rows` through `places`, each taking one of the times of service."""
    drawn = np.random.default_rng(0).choice(np.asarray(service), size=(8, rows))
    total = 0.0
    for times in drawn:
        busy = [0.0] * min(places, rows)
        for one in times:
            heapq.heapreplace(busy, busy[0] + float(one))
        total += max(busy)
    return total / len(drawn)


def measured(began: float, sent: Sequence[float], landed: Sequence[float]) -> Pace:
    """The pace of a profile.

    Args:
        began: when asking began, in seconds of a clock.
        sent: when each request was sent.
        landed: when its answer came, in the order of `sent`; one or more.
    """
    # A server of ours is started while the first request waits, so the second one tells when it was there.
    ready = min(sorted(sent)[min(1, len(sent) - 1)], min(landed))
    sent = [max(ready, one) for one in sent]
    times = sorted(one - ready for one in landed)
    number, last_sent = len(times), max(sent) - ready
    before_full = sum(one <= last_sent for one in times)
    to = max(before_full, number // 2, min(number, 2))
    start = number // 4 if to - number // 4 >= BLOCKS else 0
    rate = _rate(times, start, to)
    edges = np.linspace(start, to, min(BLOCKS, max(1, to - start)) + 1).round().astype(int)
    rates = tuple(_rate(times, int(a), int(b)) for a, b in pairwise(edges) if b > a)
    took = [there - here for here, there in sorted(zip(sent, landed, strict=True))]
    service = tuple(took[:FIRST])
    late = took[start:to] or took
    in_turn = all(there >= here for there, here in zip(sorted(sent)[1:], sorted(landed)[:-1], strict=True))
    full = in_turn or number <= FIRST or float(np.mean(late)) > HARDLY * float(np.mean(service))
    pace = Pace(rate, rates, service, startup=ready - began, full=full)
    ramp = max(0.0, times[-1] - pace.seconds(number))
    return Pace(rate, rates, service, ready - began, ramp, full)


def _rate(times: Sequence[float], start: int, to: int) -> float:
    """Answers a second from the `start`-th to the `to`-th answer."""
    began = times[start - 1] if start else 0.0
    return (to - start) / max(times[to - 1] - began, 1e-6)
