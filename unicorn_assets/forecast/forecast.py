"""The forecast: what was spent, what is left, what that takes in tokens, time and money, by stage and with a range."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from unicorn_assets.errors import UnicornError
from unicorn_assets.forecast import probed
from unicorn_assets.forecast import remaining as counting
from unicorn_assets.forecast.figures import NOTHING, Forecast, Line
from unicorn_assets.forecast.lanes import Lanes, Work, side_by_side
from unicorn_assets.forecast.pace import Pace, as_before
from unicorn_assets.forecast.profile import Profile, profile
from unicorn_assets.forecast.projection import Left, Numbers, Part, Row, project, ranged
from unicorn_assets.forecast.rehearsal import Cost, Drive, Rehearsal, rehearse
from unicorn_assets.forecast.remaining import DIALOGS, FIT, Remaining
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages import freshness
from unicorn_assets.stages.accounting import HOUR, Usage
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.budget import standing
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.dialogs import task_of
from unicorn_assets.stages.due import backlog
from unicorn_assets.stages.freshness import State
from unicorn_assets.stages.graph import below_the_shards, graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.seeds import SEED_SOURCES
from unicorn_assets.stages.tools import Tools

FEW_ROWS = 100

States = Mapping[tuple[str, str], State]


def forecast(
    tools: Tools,
    rows: int,
    drive: Drive,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
    lanes: Lanes | None = None,
) -> Forecast:
    """Profiles up to `rows` rows that are still to be asked for, and carries them over to all that is left.

    Args:
        tools: home (prepared, with the recipe in it), recipe, engine, encoder.
        rows: most rows of the profile.
        drive: materializes a rehearsal.
        progress: told the stage, answers there, and rows in all.
        lanes: what can be at work at the same time, where that is to be told.

    Raises:
        UnicornError: the seeds cannot be read, the engine cannot answer, or the budget is used up.
    """
    stages = graph(tools.recipe)
    make(SEED_SOURCES, tools, ALL, graph=stages, run_id="forecast")
    states = {(one.stage, one.shard): one for one in freshness.states(tools, upstream(tools.recipe))}
    stale = {shard for (_, shard), state in states.items() if state.condition != "fresh"}
    left = counting.remaining(tools, states, rows)
    found, rehearsal, notes = Profile(), None, list[str]()
    if left.sample:
        found = profile(tools, left.sample, progress)
        try:
            rehearsal = rehearse(tools, left.sample, found.answers, drive)
        except UnicornError as error:
            notes.append(f"Seconds are those of the engine alone, since the rest could not be rehearsed: {error.what}")
    after = _after(left, found, tools)
    made = counting.standing(states)
    captions = found.captions or as_before(made.caption_rates)
    dialogs = found.dialogs or as_before(made.dialog_rates)
    parts = project(found.rows, made, after, captions, dialogs)
    notes += _notes(found, parts, len(left.sample), captions, dialogs)
    parts |= probed.probe_parts(tools, states, found, made)
    notes += probed.notes(tools, parts)
    costs = _costs(stages, states, left, rehearsal, parts)
    lines = tuple(_lines(tools, stages, states, left, parts, costs))
    devices = int(getattr(tools.engine, "devices", 0))
    once = _once(rehearsal, captions, dialogs, stale, tools.recipe.shards)
    draws = {name: np.sum([part.draws[name] for part in parts.values()], axis=0) for name in ("prompt", "completion")}
    asking = np.sum([part.draws["seconds"] for part in parts.values()], axis=0) + _startup(captions, dialogs)
    others = sum(line.seconds.value for line in lines) - sum(part.seconds.value for part in parts.values())
    prices = tools.settings.prices
    money = [
        Usage(round(prompt), round(completion), float(taken) * devices).money(prices)
        for prompt, completion, taken in zip(draws["prompt"], draws["completion"], asking, strict=True)
    ]
    shards = len(stale - {ALL})
    abreast = (
        None if lanes is None else side_by_side(_work(stages, lines, parts, asking, rehearsal, shards), lanes, shards)
    )
    nothing = not stale and not _release_left(tools, states)
    return Forecast(
        spent=standing(tools.home, tools.settings),
        profiled=len(found.rows),
        asked=found.asked.requests,
        shards=(shards, tools.recipe.shards),
        lines=lines,
        tokens=ranged(draws["prompt"] + draws["completion"]),
        seconds=NOTHING if nothing else ranged(asking) + (others + once),
        device_hours=ranged(asking * devices / HOUR),
        money=ranged(np.asarray(money)) if any(money) else None,
        currency=prices.currency,
        notes=tuple(notes),
        lanes=lanes,
        side_by_side=NOTHING if nothing or abreast is None else ranged(abreast),
    )


def _work(
    stages: Mapping[str, Stage],
    lines: Sequence[Line],
    parts: Mapping[str, Part],
    asking: Numbers,
    rehearsal: Rehearsal | None,
    shards: int,
) -> Work:
    """What is left by where it is at work, of all seconds that the forecast counts."""
    of_shards = np.sum([part.draws["seconds"] for name, part in parts.items() if name != FIT], axis=0)
    beside = {
        line.stage: line.seconds.value - (parts[line.stage].seconds.value if line.stage in parts else 0.0)
        for line in lines
    }
    lane = {
        name: sum(beside[stage.name] for stage in stages.values() if stage.sharded and stage.lane == name)
        for name in ("gpu", "cpu")
    }
    runs, once = (rehearsal.shard * shards, rehearsal.loading + rehearsal.once) if rehearsal is not None else (0.0, 0.0)
    single = asking - of_shards + once + sum(taken for name, taken in beside.items() if not stages[name].sharded)
    return Work(single, of_shards, lane["gpu"], lane["cpu"], runs)


def _after(left: Remaining, found: Profile, tools: Tools) -> list[Left]:
    """What is left once the profile's answers are there."""
    after = dict(left.left)
    for seed in left.sample:
        one = after[seed.shard]
        if seed.id in left.unanswered:  # the smallest draws, which the fit of the transfer asks for first
            drawn = task_of(seed.id, tools.recipe.dialogs) is not None
            one = replace(one, drawn=max(0, one.drawn - drawn))
            one = (
                replace(one, calibration=one.calibration - 1)
                if one.calibration
                else replace(one, captions=one.captions - 1)
            )
        elif seed.id in found.new_dialogs:
            one = replace(one, dialogs=one.dialogs - 1)
        after[seed.shard] = one
    return list(after.values())


def _costs(
    stages: Mapping[str, Stage],
    states: States,
    left: Remaining,
    rehearsal: Rehearsal | None,
    asking: Collection[str],
) -> dict[str, Cost]:
    """What a step takes beside the engine's answers: as the shards that stand took, else as rehearsed."""
    costs = dict(rehearsal.stages) if rehearsal is not None else {}
    for name, stage in stages.items():
        if name in asking or not stage.sharded:
            continue
        fresh = [one.sidecar for (other, _), one in states.items() if other == name and one.condition == "fresh"]
        seconds = sum(one.run.seconds for one in fresh if one is not None)
        seeds = sum(left.seeds.get(one.shard, 0) for one in fresh if one is not None)
        if seeds:
            costs[name] = Cost(0.0, seconds / seeds)
    return costs


def _lines(
    tools: Tools,
    stages: Mapping[str, Stage],
    states: States,
    left: Remaining,
    parts: Mapping[str, Part],
    costs: Mapping[str, Cost],
) -> list[Line]:
    every, below, unreleased = sum(left.seeds.values()), below_the_shards(tools.recipe), _release_left(tools, states)
    lines = []
    for name, stage in stages.items():
        if name in below:
            stale = [ALL] if unreleased else []
        else:
            stale = [shard for shard in stage.shards(tools.recipe) if states[name, shard].condition != "fresh"]
        sample = min(every, tools.recipe.alignment.sample) if name == FIT else every
        cost = costs.get(name, Cost(0.0, 0.0))
        seconds = sum(cost.seconds(left.seeds.get(shard, 0) if stage.sharded else sample) for shard in stale)
        part = parts.get(name)
        if part is None:
            lines.append(Line(name, len(stale), seconds=NOTHING + seconds))
        else:
            lines.append(
                Line(name, len(stale), part.answers, part.prompt, part.completion, part.tokens, part.seconds + seconds)
            )
    return lines


def _release_left(tools: Tools, states: States) -> bool:
    """Whether a release is still to be made."""
    if any(state.condition != "fresh" for state in states.values()):
        return True
    return backlog(tools, states.values()).release is not None


def _startup(captions: Pace | None, dialogs: Pace | None) -> float:
    """Until a server of ours is there and enough requests are in flight: once, by whichever stage asks first."""
    first = captions or dialogs
    return first.startup + first.ramp if first is not None else 0.0


def _once(
    rehearsal: Rehearsal | None, captions: Pace | None, dialogs: Pace | None, stale: set[str], shards: int
) -> float:
    """Seconds beside all stages: runs, loading the encoder."""
    if rehearsal is None:
        return 0.0
    return rehearsal.loading + rehearsal.once + rehearsal.shard * shards


def _notes(
    found: Profile, parts: Mapping[str, Part], sampled: int, captions: Pace | None, dialogs: Pace | None
) -> list[str]:
    notes = []
    if found.rows and len(found.rows) < FEW_ROWS:
        notes.append(f"{len(found.rows)} rows are few; the ranges are wide for a reason. More: --rows.")
    if captions is not None and not captions.full:
        notes.append(
            f"The server took all that was sent and would have taken more: with more in flight than in the profile a "
            f"run may be faster than {captions.rate:,.1f} captions a second. A profile of more rows tells."
        )
    if captions is None and dialogs is None and any(part.answers.value for part in parts.values()):
        notes.append("Too little was asked to measure the pace of the engine: its seconds are not in these figures.")
    talks: list[Row] = [row for row in found.rows if row.dialog is not None]
    if sampled and not talks and parts[DIALOGS].answers.value and not parts[DIALOGS].prompt.value:
        notes.append("No caption of the profile got a dialog: the tokens of Stage 2 are not in these figures.")
    return notes
