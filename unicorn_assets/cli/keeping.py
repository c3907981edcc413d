"""Options of the commands that keep a HOME: serve it, take out, move and clear what is in it."""

import sys
from datetime import timedelta

import click

from unicorn_assets.cli.age import age
from unicorn_assets.cli.options import home_option
from unicorn_assets.home import Home
from unicorn_assets.lake.withdrawals import Kind
from unicorn_assets.recipe import MAX_SHARDS


@click.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, help="Port to listen on.")
def dev(home: Home, host: str, port: int) -> None:
    """Start the web UI and the daemon on HOME; history is kept there."""
    from unicorn_assets.cli import dev as command

    sys.exit(command.dev(home, host, port))


@click.command()
@click.option("--seed", metavar="ID|TEXT", help="A seed, from whatever source, by its id or its text.")
@click.option("--source", metavar="NAME", help="All rows of a source, those to come too.")
@click.option("--licence", metavar="NAME", help="All rows of the sources under this licence, those to come too.")
@click.option("--why", metavar="TEXT", help="The reason; it stands in the next release's manifest and card.")
@home_option
@click.option("--apply", is_flag=True, help="Make anew what loses rows, then the release.")
@click.option("--undo", is_flag=True, help="Take a withdrawal back.")
@click.option("--dry-run", is_flag=True, help="Only say what it would reach.")
@click.option("--list", "listing", is_flag=True, help="Show what is withdrawn.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every id.")
def withdraw(
    seed: str | None,
    source: str | None,
    licence: str | None,
    why: str | None,
    home: Home,
    apply: bool,
    undo: bool,
    dry_run: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """Take a seed, a source or a licence out for good, and name all that was made of it."""
    from unicorn_assets.cli import withdraw as command

    if listing:
        command.listed(home, as_json=as_json)
        return
    named: dict[Kind, str | None] = {"seed": seed, "source": source, "licence": licence}
    sys.exit(command.withdraw(home, named, why, undo=undo, apply=apply, dry_run=dry_run, as_json=as_json))


@click.command()
@click.argument("shards", type=click.IntRange(1, MAX_SHARDS))
@home_option
@click.option("--partial", is_flag=True, help="Leave what cannot move to be made again.")
def reshard(shards: int, home: Home, partial: bool) -> None:
    """Give HOME another number of SHARDS: rows, vectors and answers are moved, nothing is asked again."""
    from unicorn_assets.cli import reshard as command

    command.reshard(home, shards, partial=partial)


@click.command()
@home_option
@click.option(
    "--older-than", default="30d", show_default=True, metavar="AGE", callback=age, help="As 90m, 12h, 30d or 2w."
)
@click.option("--answers", is_flag=True, help="Also drop stored answers of shards that long complete and fresh.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def prune(home: Home, older_than: timedelta, answers: bool, dry_run: bool) -> None:
    """Drop old runs, their events and alerts; lake, releases and state are kept."""
    from unicorn_assets.cli import prune as command

    command.prune(home, older_than, answers=answers, dry_run=dry_run)


@click.command()
@home_option
@click.option("--apply", is_flag=True, help="Remove what is listed.")
@click.option(
    "--releases", "keep_releases", type=click.IntRange(1), metavar="KEEP", help="Of each recipe, keep so many releases."
)
def gc(home: Home, apply: bool, keep_releases: int | None) -> None:
    """List the files that nothing needs, or remove them; answers, state and history are kept."""
    from unicorn_assets.cli import gc as command

    command.gc(home, apply=apply, keep_releases=keep_releases)
