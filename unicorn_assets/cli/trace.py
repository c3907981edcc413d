"""`unicorn trace`: where a sample came from, what was made of it, and where it went; from any end."""

import json

import click

from unicorn_assets import recipe as recipes
from unicorn_assets.home import DEFAULT_RECIPE, Home
from unicorn_assets.stages import story, tracing


def trace(
    home: Home,
    sample: str | None = None,
    *,
    release: str | None = None,
    table: str = "pretrain",
    source: str | None = None,
    row: int | None = None,
    as_json: bool,
) -> None:
    """Prints a sample's story.

    Args:
        home: where to look.
        sample: its id, or the text of its seed.
        release: a release instead, by its version, to trace one of its rows.
        table: the table of that release.
        source: a source of seeds instead, by its name, to trace one of its rows.
        row: the row of that release's table, from 0, or of that source's file, from 1.
        as_json: as JSON rather than for reading.

    Raises:
        LakeError: HOME holds nothing of that id, row, release or source, or a file of it is damaged.
        RecipeError: not exactly one of sample, release and source is named, or its row is not.
    """
    recipe = home.recipe() or recipes.load(DEFAULT_RECIPE)
    found = tracing.asked(home, recipe, sample, release=release, table=table, source=source, row=row)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else story.plain(found))
