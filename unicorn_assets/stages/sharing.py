"""What the making of shards took, dealt out over the shards that take their place: nothing lost, nothing counted twice.

The measure is seeds: of what an old shard took, a new one bears the share of its seeds that went there, as near as
whole numbers come. So every sum over all shards stays what it was.
"""

from collections.abc import Iterable, Mapping
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.lake.sidecar import Run, Sidecar

COUNTS = ("requests", "answers_reused", "retries", "prompt_tokens", "completion_tokens")
SECONDS = "device_seconds"
COST, OTHER_COSTS = "cost", "other_costs"
LOG = "engine_log"
TALLIES = ("spent_on_rejects", "turns_dropped")
"""Counts by name, or by two names."""
SPENT = (*COUNTS, *TALLIES, SECONDS, COST, OTHER_COSTS, LOG)
"""Metrics that say what the making took. All others say what came of it."""
MOVED = "moved"

_MILLI, _MICRO = 1_000, 1_000_000


class Flow:
    """Which shard's seeds go where when their number changes.

    A shard is the id modulo their number, so old and new shards exchange seeds where they are equal modulo the greatest
    common divisor of the numbers: from 4 to 8, the old shard 1 gives to 1 and 5 alone.

    Args:
        before: old number of shards.
        after: new number of shards.

    Attributes:
        step: the greatest common divisor.
    """

    def __init__(self, before: int, after: int) -> None:
        self.before, self.after, self.step = before, after, gcd(before, after)
        self._seeds = np.zeros((before, after // self.step), np.int64)
        self._ends: NDArray[np.int64] | None = None

    def sources(self, new: int) -> range:
        """The old shards that a new one is made of."""
        return range(new % self.step, self.before, self.step)

    def targets(self, old: int) -> range:
        """The new shards that an old one goes to."""
        return range(old % self.step, self.after, self.step)

    def count(self, old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
        """Takes note of seeds: the old and the new shard of each."""
        np.add.at(self._seeds, (old, new // self.step), 1)
        self._ends = None

    def part(self, old: int, new: int, total: int) -> int:
        """What falls to a new shard of a whole number that belongs to an old one; the parts add up to it."""
        if self._ends is None:
            self._ends = np.cumsum(self._seeds, axis=1)
        ends, place = self._ends[old], new // self.step
        whole = int(ends[-1])
        if not whole:
            return total if place == 0 else 0
        start = int(ends[place - 1]) if place else 0
        return total * int(ends[place]) // whole - total * start // whole


class Shares:
    """What the old shards of one stage took, and what of it falls to each new one.

    Args:
        made: sidecars of the old shards, by number; all that a new shard is made of.
        flow: how the seeds go.
    """

    def __init__(self, made: Mapping[int, Sidecar], flow: Flow) -> None:
        self._made, self._flow = made, flow

    def metrics(self, new: int, rows: int) -> dict[str, Any]:
        """What falls to a new shard with `rows` rows, as a sidecar's metrics hold it; what nobody has is left out.

        Money in several currencies is not added up: `cost` has the first of them by name, `other_costs` the rest.
        """
        parts = {old: made.metrics for old, made in self._sources(new).items()}
        shared: dict[str, Any] = {
            name: sum(self._flow.part(old, new, int(found.get(name, 0))) for old, found in parts.items())
            for name in COUNTS
            if any(name in found for found in parts.values())
        }
        if any(SECONDS in found for found in parts.values()):
            shared[SECONDS] = self._sum(new, {old: found.get(SECONDS, 0.0) for old, found in parts.items()}, _MILLI)
        logs = sorted({str(found[LOG]) for found in parts.values() if LOG in found})
        shared |= {LOG: logs[-1]} if logs else {}
        shared |= {
            name: self._tally(new, {old: found.get(name, {}) for old, found in parts.items()})
            for name in TALLIES
            if any(name in found for found in parts.values())
        }
        return (
            shared | self._cost(new, rows, parts) | {MOVED: {"from_shards": self._flow.before, "runs": self._runs(new)}}
        )

    def _tally(self, new: int, values: Mapping[int, Any]) -> Any:
        if all(isinstance(value, int) for value in values.values()):
            return sum(self._flow.part(old, new, value) for old, value in values.items())
        names = sorted({name for value in values.values() for name in value})
        return {
            name: self._tally(new, {old: value[name] for old, value in values.items() if name in value})
            for name in names
        }

    def _cost(self, new: int, rows: int, parts: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
        by_currency: dict[str, dict[int, float]] = {}
        for old, found in parts.items():
            costs = dict(found.get(OTHER_COSTS, {}))
            if COST in found:
                costs[found[COST]["currency"]] = found[COST]["money"]
            for currency, money in costs.items():
                by_currency.setdefault(currency, {})[old] = money
        if not by_currency:
            return {}
        sums = {currency: self._sum(new, by_currency[currency], _MICRO) for currency in sorted(by_currency)}
        (currency, money), *others = sums.items()
        cost = {"currency": currency, "money": money} | ({"money_per_row": round(money / rows, 8)} if rows else {})
        return {COST: cost} | ({OTHER_COSTS: dict(others)} if others else {})

    def run(self, new: int) -> Run:
        """Who made a new shard's rows, and when: the run of the youngest of them, with their share of the time."""
        runs = {old: made.run for old, made in self._sources(new).items()}
        last = max(runs.values(), key=lambda run: (run.started, run.run_id))
        seconds = self._sum(new, {old: run.seconds for old, run in runs.items()}, _MILLI)
        return last.model_copy(update={"seconds": seconds})

    def _runs(self, new: int) -> list[str]:
        """All runs that made rows which may stand in a new shard, those from before earlier moves too."""
        return sorted({run for made in self._sources(new).values() for run in _runs_of(made)})

    def _sources(self, new: int) -> dict[int, Sidecar]:
        return {old: self._made[old] for old in self._flow.sources(new)}

    def _sum(self, new: int, values: Mapping[int, float], unit: int) -> float:
        return sum(self._flow.part(old, new, round(value * unit)) for old, value in values.items()) / unit


def _runs_of(made: Sidecar) -> Iterable[str]:
    return made.metrics.get(MOVED, {}).get("runs") or [made.run.run_id]


def unspent(made: Iterable[Sidecar], figures: Mapping[str, Any]) -> dict[str, Any]:
    """What sidecars say alike beside what was spent and what `figures` tells anew of the rows: limits, dimensions."""
    ones = [one.metrics for one in made]
    alike = {
        name: value
        for name, value in ones[0].items()
        if name not in (*SPENT, MOVED, *figures) and all(name in one and one[name] == value for one in ones)
    }
    return alike | dict(figures)
