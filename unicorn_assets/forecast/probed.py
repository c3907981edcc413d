"""What probes still take: counted one by one where what is probed stands, by hash where it does not yet.

A probe is drawn by the id of its sample, so that only how many captions and dialogs are kept has to be estimated.
Dialogs that have no question for a probe are counted among those to come, since nobody knows them beforehand.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from unicorn_assets.engines.base import Request
from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.forecast.pace import as_before
from unicorn_assets.forecast.profile import Profile
from unicorn_assets.forecast.projection import Part, Standing, project_probes
from unicorn_assets.forecast.remaining import CURATED, DIALOGS, asked_of, rates_of
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.stages.dialogs import task_of
from unicorn_assets.stages.freshness import State
from unicorn_assets.stages.judging import JUDGED_CAPTIONS, grade_request, is_graded
from unicorn_assets.stages.probe_turns import COMPARED, PROBES, drawn, probe_request, probed_turns
from unicorn_assets.stages.probes import probes
from unicorn_assets.stages.tools import Tools, prober_of

States = Mapping[tuple[str, str], State]


@dataclass(frozen=True)
class _Way:
    """One way of probing, as it is counted.

    Args:
        above: the stage whose rows are probed.
        drawn: whether what becomes of a seed is probed, by its id.
        kept: the share of the drawn seeds that come so far.
        requests: the requests of a shard where the stage above stands.
    """

    above: str
    drawn: Callable[[str], bool]
    kept: float
    requests: Callable[[str], Iterable[Request]]


def probe_parts(tools: Tools, states: States, found: Profile, made: Standing) -> dict[str, Part]:
    """What is left of each way of probing that the recipe asks for.

    Args:
        tools: home, recipe and who answers probes.
        states: the state of each shard of each stage.
        found: the profile; its answers are in the stores by now.
        made: the figures of the shards that stand.
    """
    parts = {}
    for name in probes(tools.recipe):
        left = _left(tools, states, name, _way(tools, name, found, made, states))
        stood = _fresh(states, name)
        pace = found.paces.get(name) or as_before(rates_of(stood))
        parts[name] = project_probes(found.probes.get(name, []), asked_of(stood), left, pace)
    return parts


def notes(tools: Tools, parts: Mapping[str, Part]) -> list[str]:
    """What one should know beside the figures of the probes."""
    told = []
    for name in probes(tools.recipe) if prober_of(tools.recipe).kind != "rules" else ():
        part = parts[name]
        if part.answers.value and not part.tokens.value:
            told.append(f"Nothing of the profile was probed: the tokens of {name} are not in these figures.")
        elif part.answers.value and not part.seconds.value:
            told.append(f"Too little was asked to measure the pace of {name}: its seconds are not in these figures.")
    return told


def _fresh(states: States, name: str) -> list[Sidecar]:
    return [
        one.sidecar
        for (stage, _), one in states.items()
        if stage == name and one.condition == "fresh" and one.sidecar is not None
    ]


def _way(tools: Tools, name: str, found: Profile, made: Standing, states: States) -> _Way:
    recipe, lake = tools.recipe, tools.home.lake
    rows, good = len(found.rows) + made.seeds, sum(row.kept for row in found.rows) + made.kept
    captions = good / max(1, rows)
    if name == JUDGED_CAPTIONS.name:

        def grades(shard: str) -> Iterator[Request]:
            for row in read_rows(lake.rows(CURATED, shard), ["id", "seed", "caption"]):
                if is_graded(row["id"], recipe):
                    yield grade_request(row["id"], row["seed"], row["caption"], recipe)

        return _Way(CURATED, lambda sample: is_graded(sample, recipe), captions, grades)
    probe = PROBES[name]
    return _Way(
        DIALOGS,
        lambda sample: task_of(sample, recipe.dialogs) in COMPARED and drawn(sample, recipe, probe.task),
        captions * _dialogs_kept(found, states),
        lambda shard: (probe_request(turn, probe.task, recipe) for turn in probed_turns(lake, shard, recipe, probe)),
    )


def _dialogs_kept(found: Profile, states: States) -> float:
    """The share of the dialogs that are kept, by the profile, else by what stands."""
    if found.dialogs_kept is not None:
        return found.dialogs_kept
    stood = _fresh(states, DIALOGS)
    asked = sum(one.rows_in - sum(one.not_selected.values()) for one in stood)
    return sum(one.rows_out for one in stood) / asked if asked else 1.0


def _left(tools: Tools, states: States, name: str, way: _Way) -> list[float]:
    """Answers that each shard still wants."""
    ids: dict[str, set[str]] = defaultdict(set)
    for row in read_rows(tools.home.lake.rows("seed_sources", ALL), ["id", "shard"]):
        if way.drawn(row["id"]):
            ids[row["shard"]].add(row["id"])
    left = []
    for shard in shard_names(tools.recipe.shards):
        if states[name, shard].condition == "fresh":
            left.append(0.0)
            continue
        with closing(AnswerReader(tools.home.answers(name, shard))) as store:
            if states[way.above, shard].condition == "fresh":
                model = tools.prober.model
                left.append(float(sum(request.key(model) not in store for request in way.requests(shard))))
            else:
                stored = store.count(ids[shard]) if len(store) else 0
                left.append(max(0.0, len(ids[shard]) * way.kept - stored))
    return left
