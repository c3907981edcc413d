"""Options of the commands that make data: `run`, and what tells beforehand what it would make."""

import sys
from pathlib import Path

import click

from unicorn_assets.cli.options import change_option, recipe_options, seeds_option, shards_option
from unicorn_assets.home import Home


@click.command()
@recipe_options
@shards_option
@change_option
@click.option("--refit", is_flag=True, help="Fit the transfer anew instead of keeping the frozen one.")
def run(
    recipe: str | None,
    seeds: tuple[str, ...],
    home: Home,
    shards: int | None,
    engine: str | None,
    model: str | None,
    base_url: str | None,
    change_recipe: bool,
    refit: bool,
) -> None:
    """Materialize the whole graph and print the release folder last."""
    from unicorn_assets.cli import run as command

    chosen = command.choose(home, recipe, seeds=seeds, shards=shards, engine=engine, model=model)
    sys.exit(command.run(home, chosen, change_recipe=change_recipe, refit=refit, base_url=base_url))


@click.command()
@recipe_options
@click.option("--rows", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many seeds.")
def preview(
    recipe: str | None,
    seeds: tuple[str, ...],
    home: Home,
    engine: str | None,
    model: str | None,
    base_url: str | None,
    rows: int,
) -> None:
    """Show what the engine makes of a few seeds: prompt, answer, verdict, tokens. Nothing is kept."""
    from unicorn_assets.cli import preview as command
    from unicorn_assets.cli.run import choose

    command.preview(home, choose(home, recipe, seeds=seeds, engine=engine, model=model), rows, base_url=base_url)


@click.command()
@recipe_options
@shards_option
@change_option
@click.option("--rows", default=400, show_default=True, type=click.IntRange(1, 10_000), help="Rows of the profile.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def forecast(
    recipe: str | None,
    seeds: tuple[str, ...],
    home: Home,
    shards: int | None,
    engine: str | None,
    model: str | None,
    base_url: str | None,
    change_recipe: bool,
    rows: int,
    as_json: bool,
) -> None:
    """Tell what is left to make: tokens, time and money by stage. Asks for a few hundred rows, which the run keeps."""
    from unicorn_assets.cli import forecast as command
    from unicorn_assets.cli.run import choose

    chosen = choose(home, recipe, seeds=seeds, shards=shards, engine=engine, model=model)
    command.forecast(home, chosen, rows, change_recipe=change_recipe, base_url=base_url, as_json=as_json)


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("recipe.toml"))
@seeds_option
@click.option("--name", default="mine", show_default=True, help="The recipe's name; releases are filed under it.")
def init(path: Path, seeds: tuple[str, ...], name: str) -> None:
    """Write a commented recipe of your own to PATH."""
    from unicorn_assets.cli import init as command

    command.init(path, name, seeds)
