"""`unicorn run`: the whole graph, with a progress display and a closing account of every row."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.cli.display import Display
from unicorn_assets.defs.driver import Driver, Failure
from unicorn_assets.defs.instance import open_instance
from unicorn_assets.home import DEFAULT_RECIPE, Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.contamination import refuse_unusable
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.tools import Tools


def choose(
    home: Home,
    name_or_path: str | None,
    *,
    seeds: Sequence[str] = (),
    shards: int | None = None,
    engine: str | None = None,
    model: str | None = None,
) -> Recipe:
    """The recipe that the options ask for; without a name, the one that HOME holds, else the demo.

    Raises:
        RecipeError: it cannot be read or does not allow the options.
    """
    recipe = recipes.load(name_or_path) if name_or_path else home.recipe() or recipes.load(DEFAULT_RECIPE)
    return recipes.adjusted(recipe, seeds=[Path(seed) for seed in seeds], shards=shards, engine=engine, model=model)


def run(
    home: Home,
    recipe: Recipe,
    *,
    change_recipe: bool = False,
    refit: bool = False,
    base_url: str | None = None,
    tools: Tools | None = None,
    shards: Sequence[str] | None = None,
) -> int:
    """Materializes everything; the release folder is the last line of standard output.

    Args:
        home: where.
        recipe: what.
        change_recipe: whether it may take another recipe's place.
        refit: whether the transfer is fitted anew.
        base_url: address of the server for `openai`; it is kept in HOME/settings.toml.
        tools: to work with others than the recipe's own engine or encoder.
        shards: which shards, in which order; all by number if not given.

    Returns:
        0 where a release stands at the end, 1 where a step failed.

    Raises:
        UnicornError: nothing could be begun.
    """
    console = Console(stderr=True, highlight=False)
    refuse_unusable(recipe)
    chosen = shard_names(recipe.shards) if shards is None else shards
    home.prepare()
    with home.lock():
        home.adopt(recipe, change=change_recipe)
        if base_url is not None:
            settings.update(home.path, "endpoint", base_url=base_url)
        tools = tools or Tools(home, recipe)
        try:
            with open_instance(home) as instance, Display(console, tools) as display:
                failures = _materialize(Driver(tools, instance), display, chosen, refit)
        finally:
            tools.close()
        home.catalog.catch_up(wait_seconds=10.0)
    account(home, recipe, console)
    for failure in failures:
        console.print(f"[red]Failed:[/] {failure.stage} \\[{failure.shard}] (run {failure.run_id})", soft_wrap=True)
        console.print(failure.why, markup=False, soft_wrap=True)
    if failures:
        return 1
    print(released(home, recipe))
    return 0


def _materialize(driver: Driver, display: Display, shards: Sequence[str], refit: bool) -> list[Failure]:
    display.plan(len(shards))
    failures = driver.sources(refit=refit)
    if failures:
        return failures
    for shard in shards:
        failures += driver.shard(shard)
        if any(failure.by_budget for failure in failures):
            return failures  # those to come would meet the same end
        display.shard_done(shard)
    return failures or driver.release()


def released(home: Home, recipe: Recipe) -> str:
    """The folder of the recipe's latest release, with its version."""
    return os.path.realpath(home.releases / recipe.name / "latest")


def account(home: Home, recipe: Recipe, console: Console) -> None:
    """Prints what became of every row, by asset, and the warnings of the checks."""
    table = Table("asset", box=None, header_style="bold", pad_edge=False)
    for column in ("rows in", "rows out", "rejected", "not selected"):
        table.add_column(column, justify="right")
    for name, stage in graph(recipe).items():
        made = [one for shard in stage.shards(recipe) if (one := home.lake.sidecar(name, shard)) is not None]
        if not made:
            continue
        counts = (
            sum(one.rows_in for one in made),
            sum(one.rows_out for one in made),
            sum(sum(one.rejected.values()) for one in made),
            sum(sum(one.not_selected.values()) for one in made),
        )
        table.add_row(name, *(f"{count:,}" for count in counts))
        _warn(console, made)
        if name == "seed_sources":
            _columns(console, made[0])
    console.print(table)


def _columns(console: Console, made: Sidecar) -> None:
    for source, figures in made.metrics["sources"].items():
        taken = f"{source}: {figures['rows_in']:,} rows, {figures['rows_out']:,} seeds; {figures['taken']}"
        console.print(taken, markup=False, soft_wrap=True)


def _warn(console: Console, made: Sequence[Sidecar]) -> None:
    failed: dict[str, list[Sidecar]] = {}
    for one in made:
        for check in one.checks:
            if not check.passed and check.name not in one.blocked_by:
                failed.setdefault(check.name, []).append(one)
    for name, ones in failed.items():
        check = next(check for check in ones[0].checks if check.name == name)
        where = ", ".join(one.shard for one in ones[:4]) + (", …" if len(ones) > 4 else "")
        figures = ", ".join(f"{key} {value}" for key, value in check.figures.items())
        text = f"{ones[0].stage}: {name} does not hold ({where}: {figures}). {check.description}"
        console.print(f"[yellow]Warning:[/] {text.replace('[', chr(92) + '[')}", soft_wrap=True)
