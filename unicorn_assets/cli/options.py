"""Options that more than one command takes."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

from unicorn_assets.home import Home
from unicorn_assets.recipe import MAX_SHARDS

home_option = click.option(
    "--home",
    "home",
    type=click.Path(path_type=Path),
    default=None,
    callback=lambda context, option, value: Home.resolve(value),
    help="The folder that everything lives in. [default: UNICORN_HOME, else data/ of the checkout]",
)
recipe_option = click.option(
    "--recipe", metavar="NAME|PATH", help="A shipped recipe or a TOML file. [default: HOME's, else demo]"
)
seeds_option = click.option(
    "--seeds", multiple=True, metavar="FILE", help="Use this file instead of the recipe's sources; may be given again."
)
engine_option = click.option(
    "--engine", type=click.Choice(["rules", "openai", "vllm"]), help="Who writes captions and dialogs."
)
model_option = click.option("--model", metavar="NAME", help="The model: its name at the server, its path for vllm.")
base_url_option = click.option(
    "--base-url", metavar="URL", help="The server for openai, up to and with /v1; a key is read from UNICORN_API_KEY."
)
shards_option = click.option(
    "--shards", type=click.IntRange(1, MAX_SHARDS), help="Number of shards, instead of the recipe's."
)
change_option = click.option(
    "--change-recipe", is_flag=True, help="Let this recipe take the place of the one that HOME holds."
)


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which recipe on which HOME, and what takes the place of its seeds, its engine and its model."""
    options = (recipe_option, seeds_option, home_option, engine_option, model_option, base_url_option)
    return reduce(lambda made, option: option(made), reversed(options), command)
