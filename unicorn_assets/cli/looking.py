"""Options of the commands that only look: what stands, what it cost, where a sample came from."""

import sys
from pathlib import Path

import click

from unicorn_assets.cli.options import home_option
from unicorn_assets.home import Home


@click.command()
@home_option
@click.option("--shards", "every_shard", is_flag=True, help="Show every shard, the fresh ones too.")
@click.option("--json", "as_json", is_flag=True, help="Every shard as JSON.")
def status(home: Home, every_shard: bool, as_json: bool) -> None:
    """Show what stands, what is stale and why, and which checks failed."""
    from unicorn_assets.cli import status as command

    command.status(home, as_json=as_json, every_shard=every_shard)


@click.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def costs(home: Home, as_json: bool) -> None:
    """Show what a kept caption and a kept dialog cost, by stage, by the filter that threw rows away, and by prompt."""
    from unicorn_assets.cli import costs as command

    command.costs(home, as_json=as_json)


@click.command()
@home_option
@click.option("--retry", is_flag=True, help="Send again what was set aside after too many tries.")
def alerts(home: Home, retry: bool) -> None:
    """Show which alerts wait and why, and which were set aside."""
    from unicorn_assets.cli import alerts as command

    command.alerts(home, retry=retry)


@click.command()
@click.argument("sample", required=False)
@home_option
@click.option("--release", metavar="VERSION", help="Trace a row of this release instead; `latest` for the newest.")
@click.option("--table", default="pretrain", show_default=True, help="The release's table.")
@click.option("--source", metavar="NAME", help="Trace a row of this source of seeds instead.")
@click.option("--row", type=click.IntRange(0), help="Of the release's table, from 0; of the source's file, from 1.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def trace(
    sample: str | None,
    home: Home,
    release: str | None,
    table: str,
    source: str | None,
    row: int | None,
    as_json: bool,
) -> None:
    """Tell the story of a sample, by its id or its seed's text: whence it came, what was made of it, where it went."""
    from unicorn_assets.cli import trace as command

    command.trace(home, sample, release=release, table=table, source=source, row=row, as_json=as_json)


@click.command()
@click.argument("query", required=False)
@home_option
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
def sql(query: str | None, home: Home, as_csv: bool) -> None:
    """Ask the catalog; without QUERY, reads it from standard input."""
    from unicorn_assets.cli import sql as command

    command.sql(home, sys.stdin.read() if query is None else query, as_csv=as_csv)


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
def verify(release: Path) -> None:
    """Check that the release in the folder RELEASE is what its manifest says: hashes, counts, joins, norms, splits."""
    from unicorn_assets.cli import verify as command

    sys.exit(command.verify(release))
