"""What is due to be made, and why: sources first, then shards, then the release. Decides; starts nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.stages import corpus, freshness
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.freshness import State
from unicorn_assets.stages.graph import below_the_shards
from unicorn_assets.stages.probes import probes
from unicorn_assets.stages.tools import Tools

NEVER = ""
"""When a shard was made last that has not been made yet: before all others."""


@dataclass(frozen=True)
class Due:
    """One partition that is not as it should be.

    Args:
        shard: the shard, `all` for what has no shards.
        stage: the first stage that is not fresh.
        why: what is the matter with it.
        since: when its oldest stage was made, in ISO 8601; NEVER where one has not been made.
        wanted: names what would come out; another one starts a new count of tries.
    """

    shard: str
    stage: str
    why: str
    since: str
    wanted: str


@dataclass(frozen=True)
class Backlog:
    """All that is due.

    Args:
        sources: what stands upstream of the shards, None if that is fresh.
        shards: those that are not fresh, oldest first.
        release: the release and what looks at the whole corpus for it, None where all is fresh or waits for shards.
    """

    sources: Due | None
    shards: Sequence[Due]
    release: Due | None


def backlog(tools: Tools, states: Iterable[State]) -> Backlog:
    """Sorts out what is due from the state of every shard of every stage, as `freshness.states` gives them.

    Raises:
        UnicornError: the release cannot be judged.
    """
    states = list(states)
    wrong: dict[str, State] = {}
    made: dict[str, str] = {}
    for state in states:
        if state.condition != "fresh":
            wrong.setdefault(state.shard, state)
        if state.condition != "failed":
            when = state.sidecar.run.started if state.sidecar is not None else NEVER
            made[state.shard] = min(made.get(state.shard, when), when)
    recipe, sources_made = _decided(tools), _sources(tools)

    def due(shard: str) -> Due:
        state, inputs = wrong[shard], [one.produced_for(shard) for one in sources_made]
        why = f"{state.stage} is {state.condition}: {state.why}"
        return Due(shard, state.stage, why, made.get(shard, NEVER), digest([recipe, inputs]))

    shards = sorted((due(shard) for shard in wrong if shard != ALL), key=lambda one: (one.since, one.shard))
    sources = due(ALL) if ALL in wrong else None
    held = any(state.condition != "fresh" and state.stage not in probes(tools.recipe) for state in states)
    return Backlog(sources, shards, None if held else _release(tools, states))


def _decided(tools: Tools) -> str:
    """What the recipe and the code decide, as one word."""
    return digest({name: freshness.decided(stage, tools) for name, stage in upstream(tools.recipe).items()})


def _sources(tools: Tools) -> list[Sidecar]:
    """What stands upstream of the shards."""
    stages = upstream(tools.recipe).values()
    found = (tools.home.lake.sidecar(stage.name, ALL) for stage in stages if not stage.sharded)
    return [one for one in found if one is not None]


def _release(tools: Tools, states: Sequence[State]) -> Due | None:
    """What stands below the shards, if it is not what they give now. To be called where every shard is fresh."""
    stages = below_the_shards(tools.recipe)
    with corpus.seen(tools, states):
        wrong = next((one for one in corpus.states_below(tools, stages) if one.condition != "fresh"), None)
        if wrong is None:
            return None
        wanted = digest({name: freshness.decided(stage, tools) for name, stage in stages.items()})
    since = wrong.sidecar.run.started if wrong.sidecar is not None else NEVER
    return Due(ALL, wrong.stage, f"{wrong.stage} is {wrong.condition}: {wrong.why}", since, wanted)
