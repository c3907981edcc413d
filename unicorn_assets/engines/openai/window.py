"""How many requests may be in flight: found by trying, in plain arithmetic without a clock of its own.

Additive increase, multiplicative decrease, as TCP does it: doubling at the start, then a fixed step a round, half on
overload. It grows only while latency holds: as long as answers per second (by Little's law requests in flight over
latency) still rise with it.
"""

START = 16
GAIN = 1.1
"""A rate this much above the best one counts as better."""
REACH = 1.5
"""It stays within this multiple of where the best rate was seen: enough for a gain to show, and for the server to have
a queue."""
FORGET = 0.97
"""The best rate fades by this factor a round, because what is asked changes."""
TRIAL = 16
"""After so many rounds without a gain, one round is run with twice as many, to see."""
STEPS = 16
"""Once the doubling is over, a step is this part of the most, and no more than a quarter of what is in flight."""


class Window:
    """The number of requests that may be in flight, `limit`: at least 1, at most `most`.

    Times are in seconds, all of one clock.
    """

    def __init__(self, most: int) -> None:
        self.limit = min(START, most)
        self._most = most
        self._doubling, self._settling = True, False
        self._cut = self._round_began = float("-inf")
        self._best_rate, self._best_limit, self._idle = 0.0, 0, 0
        self._count, self._seconds = 0, 0.0

    def answered(self, sent: float, now: float) -> None:
        """An answer came to a request that was sent at `sent`; half a window of them is a round."""
        if sent < self._round_began:
            return  # its latency tells of another limit
        if self._settling:
            # The first ones after a change found the queues of before; those sent from now on count.
            self._settling, self._round_began = False, now
            return
        self._count += 1
        self._seconds += now - sent
        if 2 * self._count >= self.limit:
            rate = self._count / max(self._seconds, 1e-9)  # answers a second of one place in the window
            self._round(rate * self.limit, now)

    def _round(self, rate: float, now: float) -> None:
        if rate > self._best_rate * GAIN:
            self._best_rate, self._best_limit, self._idle = rate, self.limit, 0
        else:
            self._best_rate = max(rate, self._best_rate * FORGET)
            self._idle += 1
        reach = self._best_limit * REACH
        if self._idle == TRIAL:
            self._idle, wanted = 0, self.limit * 2
        elif self.limit < reach:
            wanted = (
                self.limit * 2 if self._doubling else self.limit + max(1, min(self._most // STEPS, self.limit // 4))
            )
        else:
            self._doubling, wanted = False, round(reach)
        wanted = min(self._most, wanted)
        self._begin(wanted, now if wanted != self.limit else self._round_began)

    def _begin(self, limit: int, now: float) -> None:
        self._settling = limit != self.limit and not self._doubling
        self.limit, self._round_began = limit, now
        self._count, self._seconds = 0, 0.0

    def overloaded(self, sent: float, now: float) -> None:
        """Halves, once for all requests that were in flight together."""
        if sent >= self._cut:
            self._restart(max(1, self.limit // 2), now, doubling=False)

    def unreachable(self, sent: float, now: float) -> None:
        """Starts again from one request, once for all that were in flight together."""
        if sent >= self._cut:
            self._restart(1, now, doubling=True)

    def _restart(self, limit: int, now: float, *, doubling: bool) -> None:
        self._cut, self._doubling = now, doubling
        self._best_rate, self._best_limit, self._idle = 0.0, 0, 0
        self._begin(limit, now)
