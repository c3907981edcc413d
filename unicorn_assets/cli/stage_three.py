"""Options of the commands about Stage 3 by itself: carry embeddings over, and prove that it works."""

from pathlib import Path

import click

from unicorn_assets.cli.options import home_option
from unicorn_assets.home import Home
from unicorn_assets.transfer import choices


@click.command()
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
@click.option(
    "--rounds", default=10, show_default=True, type=click.IntRange(1), help="matched: most rounds of matching."
)
@click.option(
    "--kept", default=0.6, show_default=True, type=float, help="matched: share of the pairs that count, above 0 to 1."
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
    kept: float,
) -> None:
    """Carry text embeddings over into image space: a file with the columns id and embedding in, another out."""
    from unicorn_assets.cli import transfer as command
    from unicorn_assets.transfer.c3 import chosen_noise
    from unicorn_assets.transfer.fitting import Options

    options = Options(renormalise, chosen_noise(noise_sigma, noise_cosine, noise_seed), sample, rounds, kept)
    command.transfer(method, text, images, out, options=options, fitted=fitted, keep=keep, dtype=dtype)


@click.command()
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
