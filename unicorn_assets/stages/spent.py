"""Stored answers that nothing needs any more: those of shards that have been complete and fresh for long.

They are what asking again would cost: a changed recipe that makes their shard stale has to pay for them once more.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from unicorn_assets.engines.store import size
from unicorn_assets.stages.corpus import DATASETS, upstream
from unicorn_assets.stages.freshness import State, states
from unicorn_assets.stages.tools import Tools


@dataclass(frozen=True)
class Spent:
    """A store of answers that can go.

    Args:
        stage: the stage that asked.
        shard: its shard.
        path: the store.
        bytes: how much disk it takes.
        answers: how many answers its shard was made of.
    """

    stage: str
    shard: str
    path: Path
    bytes: int
    answers: int


def spent(tools: Tools, before: datetime) -> Iterator[Spent]:
    """The stores of the shards that are fresh in all stages and whose datasets were made before that time."""
    shards: dict[str, list[State]] = defaultdict(list)
    stages = upstream(tools.recipe)
    for state in states(tools, stages):
        if stages[state.stage].sharded:
            shards[state.shard].append(state)
    for shard, found in shards.items():
        if not all(_settled(state, before) for state in found):
            continue
        for state in found:
            path = tools.home.answers(state.stage, shard)
            taken = size(path)
            if taken and state.sidecar is not None:
                metrics = state.sidecar.metrics
                answers = int(metrics.get("requests", 0)) + int(metrics.get("answers_reused", 0))
                yield Spent(state.stage, shard, path, taken, answers)


def _settled(state: State, before: datetime) -> bool:
    if state.condition != "fresh" or state.sidecar is None:
        return False
    return state.stage not in DATASETS or datetime.fromisoformat(state.sidecar.run.started) < before
