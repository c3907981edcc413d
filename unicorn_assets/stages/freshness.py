"""What stands, what is stale and why, what is missing: read from sidecars, without touching any data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from unicorn_assets.errors import BenchmarkError, ImageError, LakeError, SeedError
from unicorn_assets.lake.fingerprint import fingerprint
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.section import flatten
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.runner import named, standing
from unicorn_assets.stages.tools import Tools

Condition = Literal["fresh", "stale", "missing", "damaged", "failed"]

CORPUS = "corpus"
"""The field of a stage below the shards that stands for all the shards that it looks at."""


@dataclass(frozen=True)
class State:
    """How one shard of one stage stands.

    Args:
        stage: the stage.
        shard: the shard.
        condition: `fresh`, or what keeps it from being so.
        why: what changed, is missing or failed; empty where it is fresh.
        sidecar: the sidecar, None where there is none that can be used.
    """

    stage: str
    shard: str
    condition: Condition
    why: str
    sidecar: Sidecar | None


def states(tools: Tools, graph: Mapping[str, Stage]) -> Iterator[State]:
    """The state of every shard of every sharded or upstream stage, in the order of the graph; not of those below them.

    A shard below a stale one is stale too. Raises nothing for what is broken: that is a state.
    """
    known: dict[tuple[str, str], State] = {}
    for stage in graph.values():
        if not stage.sharded and any(graph[name].sharded for name in stage.inputs):
            continue
        fields = decided(stage, tools)
        for shard in stage.shards(tools.recipe):
            above = [known[name, shard if graph[name].sharded else ALL] for name in stage.inputs]
            found = state(stage, tools, shard, fields, above)
            known[stage.name, shard] = found
            yield found


def decided(stage: Stage, tools: Tools) -> dict[str, Any]:
    """What decides a stage's rows beside its inputs; where what decides cannot be read, such as its seeds, that."""
    try:
        return stage.fields(tools) | {"version": stage.version}
    except (BenchmarkError, ImageError, LakeError, SeedError) as error:
        return {"unreadable": error.what}


def state(stage: Stage, tools: Tools, shard: str, fields: dict[str, Any], above: list[State]) -> State:
    """The state of one shard of a stage.

    Args:
        stage: the stage.
        tools: home and recipe.
        shard: the shard.
        fields: what decides the stage's rows beside its inputs, as `decided` gives it.
        above: the states of its inputs.
    """
    found, wrong = standing(stage, tools, shard)
    if found is None:
        return State(stage.name, shard, "damaged" if wrong else "missing", wrong or "not made yet", None)
    if found.blocked_by:
        return State(stage.name, shard, "failed", f"check {found.blocked_by[0]} failed", found)
    inputs = {} if stage.frozen else named({one.stage: one.sidecar for one in above if one.sidecar}, shard)
    if found.fingerprint != fingerprint(stage.name, fields, inputs):
        return State(stage.name, shard, "stale", _what_changed(found, fields, inputs, stage), found)
    if not stage.frozen:
        unsettled = [one for one in above if one.condition != "fresh"]
        if unsettled:
            return State(stage.name, shard, "stale", f"{unsettled[0].stage} is {unsettled[0].condition}", found)
    return State(stage.name, shard, "fresh", "", found)


def _what_changed(found: Sidecar, fields: dict[str, Any], inputs: dict[str, str], stage: Stage) -> str:
    before, now = flatten(found.fields), flatten(fields)
    changes = [
        "shards have been made anew" if key == CORPUS else f"{key}: {before.get(key)!r} -> {now.get(key)!r}"
        for key in sorted(before.keys() | now.keys())
        if before.get(key) != now.get(key)
    ]
    if not stage.frozen:
        changes += [f"{name} changed" for name in stage.inputs if found.inputs.get(name) != inputs.get(name)]
    return "; ".join(changes)
