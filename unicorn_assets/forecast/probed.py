"""What the probes of dialogs still take: counted one by one where the dialogs stand, by hash where they do not yet.

A probe is drawn by the id of its dialog, so that only how many captions and dialogs are kept has to be estimated.
Dialogs that have no question for a probe are counted among those to come, since nobody knows them beforehand.
"""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing

from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.forecast.pace import as_before
from unicorn_assets.forecast.profile import Profile
from unicorn_assets.forecast.projection import Part, Standing, project_probes
from unicorn_assets.forecast.remaining import DIALOGS, asked_of, rates_of
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.stages.dialogs import task_of
from unicorn_assets.stages.freshness import State
from unicorn_assets.stages.probed import COMPARED, PROBES, Probe, drawn, probe_request, probed_turns
from unicorn_assets.stages.probing import probes
from unicorn_assets.stages.tools import Tools, prober_of

States = Mapping[tuple[str, str], State]


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
        left = _left(tools, states, PROBES[name], _kept(found, made, states))
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
            told.append(f"No dialog of the profile was probed: the tokens of {name} are not in these figures.")
        elif part.answers.value and not part.seconds.value:
            told.append(f"Too little was asked to measure the pace of {name}: its seconds are not in these figures.")
    return told


def _fresh(states: States, name: str) -> list[Sidecar]:
    return [
        one.sidecar
        for (stage, _), one in states.items()
        if stage == name and one.condition == "fresh" and one.sidecar is not None
    ]


def _kept(found: Profile, made: Standing, states: States) -> float:
    """The share of the drawn rows that become a dialog which is kept, by the profile and what stands."""
    rows, captions = len(found.rows) + made.seeds, sum(row.kept for row in found.rows) + made.kept
    stood = _fresh(states, DIALOGS)
    asked = sum(one.rows_in - sum(one.not_selected.values()) for one in stood)
    share = found.dialogs_kept
    if share is None:
        share = sum(one.rows_out for one in stood) / asked if asked else 1.0
    return captions / max(1, rows) * share


def _left(tools: Tools, states: States, probe: Probe, kept: float) -> list[float]:
    """Answers that each shard still wants."""
    name, left = probe.task, []
    ids = _drawn(tools, probe)
    for shard in shard_names(tools.recipe.shards):
        if states[name, shard].condition == "fresh":
            left.append(0.0)
            continue
        with closing(AnswerReader(tools.home.answers(name, shard))) as store:
            if states[DIALOGS, shard].condition == "fresh":
                model, recipe = tools.prober.model, tools.recipe
                turns = probed_turns(tools.home.lake, shard, recipe, probe)
                missing = (probe_request(turn, name, recipe).key(model) not in store for turn in turns)
                left.append(float(sum(missing)))
            else:
                stored = store.count(ids[shard]) if len(store) else 0
                left.append(max(0.0, len(ids[shard]) * kept - stored))
    return left


def _drawn(tools: Tools, probe: Probe) -> Mapping[str, set[str]]:
    """By shard the ids whose dialogs, if there are any, are probed."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in read_rows(tools.home.lake.rows("seed_sources", ALL), ["id", "shard"]):
        task = task_of(row["id"], tools.recipe.dialogs)
        if task in COMPARED and drawn(row["id"], tools.recipe, probe.task):
            found[row["shard"]].add(row["id"])
    return found
