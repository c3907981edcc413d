"""The commands and their options. What they do stands in the module of each."""

import os
import sys
from datetime import timedelta
from pathlib import Path

import click

from unicorn_assets.cli.age import age
from unicorn_assets.errors import UnicornError
from unicorn_assets.home import Home
from unicorn_assets.lake.withdrawals import Kind
from unicorn_assets.recipe import MAX_SHARDS
from unicorn_assets.transfer import choices

TRACEBACK = "UNICORN_TRACEBACK"


class _Group(click.Group):
    """Shows an error that a person can mend without a traceback, and ends with status 1."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except UnicornError as error:
            click.echo(f"Error: {error}", err=True)
            context.exit(1)
        except Exception as error:
            if os.environ.get(TRACEBACK):
                raise
            first = (str(error).splitlines() or [""])[0]
            unexpected = UnicornError(
                f"Unexpected {type(error).__name__}: {first}",
                f"free space and permissions on the disk are the usual causes; for the traceback, set {TRACEBACK}=1 "
                "and run again. What is finished is kept.",
            )
            click.echo(f"Error: {unexpected}", err=True)
            context.exit(1)


def entry() -> None:
    """The `unicorn` command."""
    code = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is closed by now. An ordinary exit would let DuckDB's bindings print a page of warnings about
    # objects that torch keeps alive.
    os._exit(code)


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


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="unicorn-assets")
def main() -> None:
    """Training data for vision-language models, made from text alone."""


@main.command()
@recipe_option
@seeds_option
@home_option
@click.option("--shards", type=click.IntRange(1, 9999), help="Number of shards, instead of the recipe's.")
@engine_option
@model_option
@base_url_option
@click.option("--change-recipe", is_flag=True, help="Let this recipe take the place of the one that HOME holds.")
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


@main.command()
@recipe_option
@seeds_option
@home_option
@engine_option
@model_option
@base_url_option
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


@main.command()
@recipe_option
@seeds_option
@home_option
@click.option("--shards", type=click.IntRange(1, 9999), help="Number of shards, instead of the recipe's.")
@engine_option
@model_option
@base_url_option
@click.option("--change-recipe", is_flag=True, help="Let this recipe take the place of the one that HOME holds.")
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


@main.command()
@click.argument("path", type=click.Path(path_type=Path), default=Path("recipe.toml"))
@seeds_option
@click.option("--name", default="mine", show_default=True, help="The recipe's name; releases are filed under it.")
def init(path: Path, seeds: tuple[str, ...], name: str) -> None:
    """Write a commented recipe of your own to PATH."""
    from unicorn_assets.cli import init as command

    command.init(path, name, seeds)


@main.command()
@home_option
@click.option("--shards", "every_shard", is_flag=True, help="Show every shard, the fresh ones too.")
@click.option("--json", "as_json", is_flag=True, help="Every shard as JSON.")
def status(home: Home, every_shard: bool, as_json: bool) -> None:
    """Show what stands, what is stale and why, and which checks failed."""
    from unicorn_assets.cli import status as command

    command.status(home, as_json=as_json, every_shard=every_shard)


@main.command()
@home_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def costs(home: Home, as_json: bool) -> None:
    """Show what a kept caption and a kept dialog cost, by stage, by the filter that threw rows away, and by prompt."""
    from unicorn_assets.cli import costs as command

    command.costs(home, as_json=as_json)


@main.command()
@home_option
@click.option("--retry", is_flag=True, help="Send again what was set aside after too many tries.")
def alerts(home: Home, retry: bool) -> None:
    """Show which alerts wait and why, and which were set aside."""
    from unicorn_assets.cli import alerts as command

    command.alerts(home, retry=retry)


@main.command()
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


@main.command()
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


@main.command()
@click.argument("query", required=False)
@home_option
@click.option("--csv", "as_csv", is_flag=True, help="As CSV.")
def sql(query: str | None, home: Home, as_csv: bool) -> None:
    """Ask the catalog; without QUERY, reads it from standard input."""
    from unicorn_assets.cli import sql as command

    command.sql(home, sys.stdin.read() if query is None else query, as_csv=as_csv)


@main.command()
@click.argument("release", type=click.Path(path_type=Path))
def verify(release: Path) -> None:
    """Check that the release in the folder RELEASE is what its manifest says: hashes, counts, joins, norms, splits."""
    from unicorn_assets.cli import verify as command

    sys.exit(command.verify(release))


@main.command()
@click.option("--method", type=click.Choice(choices.NAMES), help="What to fit.")
@click.option(
    "--text",
    type=click.Path(path_type=Path),
    help="Embeddings of texts, .arrow or .parquet; without it, --images are made ready for use beside a release.",
)
@click.option(
    "--images", type=click.Path(path_type=Path), help="Embeddings of images: realign, aniso, matched need them."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The result, .arrow or .parquet.")
@click.option(
    "--fit",
    "fitted",
    type=click.Path(path_type=Path),
    help="Use this fitted transfer, a file or a release's folder, instead of fitting one.",
)
@click.option(
    "--save-fit", "keep", type=click.Path(path_type=Path), help="Save the fitted transfer here (safetensors)."
)
@click.option("--dtype", type=click.Choice(["float16", "float32"]), help="Of the result. [default: as it goes in]")
@click.option(
    "--renormalise/--no-renormalise",
    default=True,
    show_default=True,
    help="mean_shift: the paper's form or its code's.",
)
@click.option("--noise-sigma", type=float, help="c3: standard deviation of the noise in each dimension.")
@click.option("--noise-cosine", type=float, help="c3: cosine that the noise leaves, instead. [default: 0.9]")
@click.option("--noise-seed", default=0, show_default=True, type=click.IntRange(0), help="c3: which noise.")
@click.option(
    "--sample",
    default=10_000,
    show_default=True,
    type=click.IntRange(2),
    help="aniso, matched: rows of a side to fit on.",
)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1), help="matched: rounds of matching.")
@click.option(
    "--shrinkage", default=0.01, show_default=True, type=float, help="matched: of the covariances, above 0 to 1."
)
def transfer(
    method: str | None,
    text: Path | None,
    images: Path | None,
    out: Path,
    fitted: Path | None,
    keep: Path | None,
    dtype: str | None,
    renormalise: bool,
    noise_sigma: float | None,
    noise_cosine: float | None,
    noise_seed: int,
    sample: int,
    rounds: int,
    shrinkage: float,
) -> None:
    """Carry text embeddings over into image space: a file with the columns id and embedding in, another out."""
    from unicorn_assets.cli import transfer as command
    from unicorn_assets.transfer.c3 import chosen_noise
    from unicorn_assets.transfer.fitting import Options

    options = Options(renormalise, chosen_noise(noise_sigma, noise_cosine, noise_seed), sample, rounds, shrinkage)
    command.transfer(method, text, images, out, options=options, fitted=fitted, keep=keep, dtype=dtype)


@main.command()
@home_option
@click.option("--size", default="standard", show_default=True, type=click.Choice(["standard", "small", "tiny"]))
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="How many worlds.")
@click.option("--readers", default=1, show_default=True, type=click.IntRange(1), help="Readers a row and world.")
@click.option("--jobs", type=click.IntRange(1), help="Processes at a time. [default: one a core]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of table and plot. [default: HOME/proof/SIZE]")
def proof(home: Home, size: str, seeds: int, readers: int, jobs: int | None, out: Path | None) -> None:
    """Prove on images that data made from text teaches a model to see; goes on where it was stopped."""
    from unicorn_assets.cli import proof as command

    command.proof(home.path / "proof", out, size, seeds, readers, jobs)


@main.command()
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


@main.command()
@click.argument("shards", type=click.IntRange(1, MAX_SHARDS))
@home_option
@click.option("--partial", is_flag=True, help="Leave what cannot move to be made again.")
def reshard(shards: int, home: Home, partial: bool) -> None:
    """Give HOME another number of SHARDS: rows, vectors and answers are moved, nothing is asked again."""
    from unicorn_assets.cli import reshard as command

    command.reshard(home, shards, partial=partial)


@main.command()
@home_option
@click.option("--apply", is_flag=True, help="Remove what is listed.")
@click.option(
    "--releases", "keep_releases", type=click.IntRange(1), metavar="KEEP", help="Of each recipe, keep so many releases."
)
def gc(home: Home, apply: bool, keep_releases: int | None) -> None:
    """List the files that nothing needs, or remove them; answers, state and history are kept."""
    from unicorn_assets.cli import gc as command

    command.gc(home, apply=apply, keep_releases=keep_releases)


@main.command()
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, help="Port to listen on.")
def dev(home: Home, host: str, port: int) -> None:
    """Start the web UI and the daemon on HOME; history is kept there."""
    from unicorn_assets.cli import dev as command

    sys.exit(command.dev(home, host, port))
