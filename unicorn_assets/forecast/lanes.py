"""How long what is left takes where shards are at work side by side, as the web UI and the schedules do it. Pure.

Shards are alike, since ids are hashes, and those that are at work share what there is evenly. What is slowest decides:
the gpu lane with the servers that it asks, the cpu lane, or the runs that go on at once; none of them is taken to be
busier than all shards together keep it.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from unicorn_assets.forecast.projection import Numbers


@dataclass(frozen=True)
class Lanes:
    """What can be at work at the same time.

    Args:
        gpu: workers of the gpu lane.
        cpu: workers of the cpu lane.
        runs: runs of shards.
        servers: what answers at the full rate beside each other: servers of ours, or engines that live in a worker; 1
            where the server is somebody else's, who answers no faster for being asked from many places.
    """

    gpu: int
    cpu: int
    runs: int
    servers: int

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"gpu_workers": self.gpu, "cpu_workers": self.cpu, "runs": self.runs, "servers": self.servers}


@dataclass(frozen=True)
class Work:
    """Seconds of what is left, one thing after the other.

    Args:
        single: (draws,) what has no shards: sources, fit, release, starts.
        asking: (draws,) answers for the shards.
        gpu: all else of the shards on the gpu lane.
        cpu: of the shards on the cpu lane.
        runs: of the shards' runs beyond their steps.
    """

    single: Numbers
    asking: Numbers
    gpu: float
    cpu: float
    runs: float


def side_by_side(work: Work, lanes: Lanes, shards: int) -> Numbers:
    """(draws,) the seconds from beginning to end with `shards` left to be made, 0 or more."""
    if not shards:
        return work.single
    asking = work.asking / _at_once(shards, min(lanes.servers, lanes.gpu))
    gpu = asking + work.gpu / _at_once(shards, lanes.gpu)
    cpu = work.cpu / _at_once(shards, lanes.cpu)
    chains = (work.asking + work.gpu + work.cpu + work.runs) / _at_once(shards, lanes.runs)
    return np.asarray(work.single + np.maximum(gpu, np.maximum(cpu, chains)))


def _at_once(shards: int, places: int) -> float:
    """How many of the shards are at work on average; the last round of the places need not be full."""
    return shards / ceil(shards / min(places, shards))
