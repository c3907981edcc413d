"""`unicorn status`: what stands, what is stale and why, which checks failed. Each section is a function of its own."""

import json
from collections import Counter, defaultdict
from itertools import chain
from typing import get_args

import click
from rich.console import Console
from rich.table import Table

from unicorn_assets.cli import alerts, withdraw
from unicorn_assets.cli.run import released
from unicorn_assets.cli.shards import shard_table
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.stages import corpus
from unicorn_assets.stages.budget import standing
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.freshness import Condition, State, states
from unicorn_assets.stages.graph import below_the_shards
from unicorn_assets.stages.tools import Tools

CONDITIONS: tuple[Condition, ...] = get_args(Condition)
SHOWN_REASONS = 12


def status(home: Home, *, as_json: bool, every_shard: bool = False) -> None:
    """Prints the state of every asset and shard, and why what is not fresh is not.

    Args:
        home: where.
        as_json: everything as JSON instead.
        every_shard: a line for every shard, rather than for some of those that are not fresh.
    """
    tools = Tools.at(home)
    found = list(states(tools, upstream(tools.recipe)))
    with corpus.seen(tools, found):
        found += corpus.states_below(tools, below_the_shards(tools.recipe))
    if as_json:
        click.echo(json.dumps([_plain(state) for state in found], indent=1))
        return
    console = Console(highlight=False)
    console.print(f"HOME {home.path}, recipe {tools.recipe.name}, {tools.recipe.shards} shards", soft_wrap=True)
    console.print(_assets(found))
    told = [*_withdrawn(home), *_moved(home), _latest(home, tools)]
    sections = (
        _reasons(found),
        shard_table(found, every=every_shard),
        _spent(tools),
        alerts.lines(home),
        told,
    )
    for line in chain.from_iterable(sections):
        console.print(line, markup=False, soft_wrap=True)


def _assets(found: list[State]) -> Table:
    """How many shards of each asset stand how, and their rows."""
    table = Table("asset", box=None, header_style="bold", pad_edge=False)
    for condition in CONDITIONS:
        table.add_column(condition, justify="right")
    table.add_column("rows out", justify="right")
    by_stage: dict[str, list[State]] = defaultdict(list)
    for state in found:
        by_stage[state.stage].append(state)
    for stage in by_stage:
        counts = Counter(state.condition for state in by_stage[stage])
        rows = sum(state.sidecar.rows_out for state in by_stage[stage] if state.sidecar)
        table.add_row(stage, *(str(counts[condition] or "-") for condition in CONDITIONS), f"{rows:,}")
    return table


def _moved(home: Home) -> list[str]:
    moved = home.switch.untold()
    if moved is None:
        return []
    return [f"The web UI still shows {moved.before} shards: `unicorn reshard {moved.after}` tells it."]


def _withdrawn(home: Home) -> list[str]:
    try:
        return list(withdraw.summary(home))
    except LakeError as error:  # what it keeps from being made stands above
        return [str(error)]


def _latest(home: Home, tools: Tools) -> str:
    latest = home.releases / tools.recipe.name / "latest"
    return f"Latest release: {released(home, tools.recipe) if latest.exists() else 'none yet'}"


def _spent(tools: Tools) -> list[str]:
    """What was spent and the budget; nothing where neither is there."""
    found = standing(tools.home, tools.settings)
    return found.lines if found.spent.answers or found.limits else []


def _plain(state: State) -> dict[str, object]:
    made = state.sidecar
    return {
        "stage": state.stage,
        "shard": state.shard,
        "condition": state.condition,
        "why": state.why,
        "fingerprint": made.fingerprint if made else None,
        "rows_out": made.rows_out if made else None,
        "run_id": made.run.run_id if made else None,
        "started": made.run.started if made else None,
        "failed_checks": [check.name for check in made.checks if not check.passed] if made else [],
    }


def _reasons(found: list[State]) -> list[str]:
    """One line a stage and reason, with the shards it concerns; shards that only wait for others are left out."""
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for state in found:
        if state.condition != "fresh":
            grouped[state.stage, state.condition, state.why].append(state.shard)
        if state.sidecar is not None:
            for check in state.sidecar.checks:
                if not check.passed:
                    grouped[state.stage, f"check {check.name}", f"failed ({check.severity})"].append(state.shard)
    lines = [
        f"{stage} {condition}: {why} ({len(shards)} shards, first {shards[0]})"
        if len(shards) > 1
        else f"{stage} [{shards[0]}] {condition}: {why}"
        for (stage, condition, why), shards in grouped.items()
    ]
    more = len(lines) - SHOWN_REASONS
    return lines[:SHOWN_REASONS] + ([f"and {more} more; `unicorn status --json` has all"] if more > 0 else [])
