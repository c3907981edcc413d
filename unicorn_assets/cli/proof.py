"""`unicorn proof`: the proof in miniature, with its table and plot; takes up where it was stopped."""

import os
from pathlib import Path

from rich.console import Console

from unicorn_assets.lake.files import explained
from unicorn_assets.proof import experiment
from unicorn_assets.proof.experiment import Plan
from unicorn_assets.proof.report import write


def proof(folder: Path, out: Path | None, size: str, seeds: int, readers: int, jobs: int | None) -> None:
    """Does what is missing of the comparison and prints its table.

    Args:
        folder: where worlds and results are kept.
        out: folder for the table and the plot; by default that of the size.
        size: of the worlds.
        seeds: how many worlds.
        readers: how many readers a row and world.
        jobs: processes at a time; by default one a core.

    Raises:
        UnicornError: a step failed, or a file cannot be written.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    plan = Plan(folder, size, seeds, readers, jobs or os.cpu_count() or 1)
    results = experiment.run(plan, lambda text: console.print(text, markup=False))
    place = out or folder / size
    with explained(place):
        place.mkdir(parents=True, exist_ok=True)
    print(write(plan, results, experiment.gaps(plan), place), end="")
    print(place / "proof.md")
