"""`unicorn forecast`: what a recipe still takes, by stage and with a range; the run finds its profile paid for."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping

import click
from rich.console import Console
from rich.table import Table

from unicorn_assets import settings
from unicorn_assets.defs.driver import Driver, Failure
from unicorn_assets.defs.instance import LEAST_RUNS, open_instance
from unicorn_assets.errors import LakeError
from unicorn_assets.execution import lanes
from unicorn_assets.forecast.figures import Forecast, finished
from unicorn_assets.forecast.forecast import forecast as foretell
from unicorn_assets.forecast.lanes import Lanes
from unicorn_assets.forecast.projection import Range
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.recipe import Recipe
from unicorn_assets.settings import Endpoint
from unicorn_assets.stages.accounting import HOUR
from unicorn_assets.stages.tools import Tools

PATIENCE_SECONDS = 30.0
"""How long a server may be down: somebody waits for the forecast."""

WIDTH = 120
"""Columns where no terminal says how many it has."""


def forecast(
    home: Home,
    recipe: Recipe,
    rows: int,
    *,
    change_recipe: bool = False,
    base_url: str | None = None,
    as_json: bool = False,
    tools: Tools | None = None,
) -> None:
    """Profiles, and prints what is left.

    Args:
        home: where; its recipe is `recipe` from then on, as after `unicorn run`.
        recipe: what.
        rows: most rows of the profile.
        change_recipe: whether it may take another recipe's place.
        base_url: address of the server for `openai`; it is kept in HOME/settings.toml.
        as_json: everything as JSON instead.
        tools: to work with others than the recipe's own engine or encoder.

    Raises:
        UnicornError: it cannot be told: no seeds, no server, or no budget.
    """
    home.prepare()
    with home.lock():
        home.adopt(recipe, change=change_recipe)
        if base_url is not None:
            settings.update(home.path, "endpoint", base_url=base_url)
        tools = tools or Tools(home, recipe)
        chosen = tools.settings
        endpoints = {"endpoint": chosen.endpoint, "probing_endpoint": chosen.probing_endpoint}
        hurried = {name: _hurried(one) for name, one in endpoints.items() if one is not None}
        tools.settings = chosen.model_copy(update=hurried)
        try:
            found = foretell(tools, rows, drive, _Progress(), _lanes(home, recipe, chosen))
        finally:
            tools.close()
    if as_json:
        click.echo(json.dumps(found.plain(), indent=1))
    else:
        console = Console(highlight=False)
        show(found, console if console.is_terminal else Console(highlight=False, width=WIDTH))


def _hurried(endpoint: Endpoint) -> Endpoint:
    patience = min(endpoint.patience_seconds, PATIENCE_SECONDS)
    return endpoint.model_copy(update={"patience_seconds": patience})


def _lanes(home: Home, recipe: Recipe, chosen: settings.Settings) -> Lanes | None:
    """What runs of the web UI can have at work at the same time; None with a single worker for what asks."""
    gpu, cpu = (len(lanes.slots(home.path, chosen, lane)) for lane in ("gpu", "cpu"))
    if gpu == 1:
        return None
    servers = {"openai": 1, "vllm": len(chosen.vllm.devices)}.get(recipe.engine.kind, os.cpu_count() or 1)
    return Lanes(gpu, cpu, max(LEAST_RUNS, lanes.admitted(chosen)), servers)


def drive(tools: Tools) -> Mapping[str, float]:
    """Materializes the whole graph as `unicorn run` does; seconds of each shard's run, and of all others.

    Raises:
        LakeError: a step failed.
    """
    taken = {}
    with open_instance(tools.home) as instance:
        driver = Driver(tools, instance)
        began = time.monotonic()
        _check(driver.sources())
        taken[ALL] = time.monotonic() - began
        for shard in shard_names(tools.recipe.shards):
            began = time.monotonic()
            _check(driver.shard(shard))
            taken[shard] = time.monotonic() - began
        began = time.monotonic()
        _check(driver.release())
        taken[ALL] += time.monotonic() - began
    return taken


def _check(failures: list[Failure]) -> None:
    if failures:
        first = failures[0]
        raise LakeError(f"{first.stage} failed ({first.why.splitlines()[0]})", "see `unicorn preview`.")


class _Progress:
    """Says now and then how far the profile is."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= 5:
            self._last = now
            click.echo(f"profile: {stage}, {done:,} of {total:,}", err=True)


def show(found: Forecast, console: Console) -> None:
    """Prints a forecast for people."""

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    stale, shards = found.shards
    if found.profiled:
        say(f"Profile: {found.profiled:,} rows, {found.asked:,} answers asked for; a run finds them and asks no more.")
    for line in found.spent.lines:
        say(line)
    if not stale and not any(line.shards for line in found.lines):
        say("Nothing is left to make: all shards are fresh, and the release holds them.")
        return
    say(f"Left: {stale:,} of {shards:,} shards.")
    console.print(_table(found))
    say("Ranges: from the 5th to the 95th percentile of a bootstrap over the profile's rows and its pace.")
    prompt, written = (sum(getattr(line, name).value for line in found.lines) for name in ("prompt", "completion"))
    if prompt or written:
        say(f"Of the tokens {prompt:,.0f} are read and {written:,.0f} written.")
    if found.money is not None:
        say(f"Money: {_ranged(found.money, 2)} {found.currency}")
    elif found.tokens.value:
        say("For money, put prices into the [prices] section of settings.toml in HOME.")
    if found.device_hours.value:
        say(f"Device-hours: {_ranged(found.device_hours, 2)}")
    for line in (*_when(found), *_budget(found), *found.notes):
        say(line)


def _when(found: Forecast) -> Iterator[str]:
    """When it is done, by the ways to make it."""
    yield f"Done at {_moments(found.seconds)}, if `unicorn run` begins now: one shard after the other."
    if found.lanes is not None:
        many = f"{found.lanes.gpu} workers on the gpu lane and {found.lanes.cpu} on the cpu lane"
        yield f"Done at {_moments(found.side_by_side)}, if the web UI or the schedules begin now: {many}."
        if found.lanes.servers == 1:
            yield "Its answers are taken to come as fast as in the profile, however many shards ask for them at once."


def _moments(taken: Range) -> str:
    value, low, high = (moment.astimezone() for moment in finished(taken))
    return f"{value:%Y-%m-%d %H:%M} ({low:%m-%d %H:%M} to {high:%m-%d %H:%M})"


def _table(found: Forecast) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("stage", no_wrap=True)
    for column in ("shards", "answers", "tokens", "range", "time", "range"):
        table.add_column(column, justify="right", no_wrap=True)
    for line in found.lines:
        if line.shards:
            answers = f"{line.answers.value:,.0f}" if line.answers.value else "-"
            tokens = _cells(line.tokens, _number) if line.answers.value else ("-", "-")
            table.add_row(line.stage, f"{line.shards:,}", answers, *tokens, *_cells(line.seconds, _clock))
    beside = found.seconds.value - sum(line.seconds.value for line in found.lines)
    if beside > 0:
        table.add_row("beside the stages: runs, loading, ramp", *([""] * 4), _clock(beside))
    table.add_row("in all", "", "", *_cells(found.tokens, _number), *_cells(found.seconds, _clock))
    return table


def _cells(one: Range, words: Callable[[float], str]) -> tuple[str, str]:
    low, high = words(one.low), words(one.high)
    return words(one.value), "" if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _ranged(one: Range, decimals: int) -> str:
    value, low, high = (f"{number:,.{decimals}f}" for number in (one.value, one.low, one.high))
    return value if low == high else f"{value} ({low} to {high})"


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / HOUR:.1f} h"


def _budget(found: Forecast) -> list[str]:
    """Whether the budget will do."""
    limits, used = found.spent.limits, found.spent.spent
    asking = sum(line.seconds.value for line in found.lines if line.answers.value)
    wanted = (
        ("tokens", limits.tokens, used.prompt_tokens + used.completion_tokens, found.tokens.value),
        ("money", limits.money, used.money or 0.0, found.money.value if found.money is not None else 0.0),
        ("hours", limits.hours, used.seconds / HOUR, asking / HOUR),
    )
    return [
        f"The budget will not do: budget.{name} is {limit:,}, and {spent + left:,.4g} are wanted in all."
        for name, limit, spent, left in wanted
        if limit is not None and spent + left > limit
    ]
