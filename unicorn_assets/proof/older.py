"""Worlds that another version of this program made: the next proof would remove them and begin anew."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from unicorn_assets.lake.leftovers import Area, Leftover, entries
from unicorn_assets.lake.locks import locked
from unicorn_assets.proof.experiment import LOCK, STAMP, made_by
from unicorn_assets.proof.sizes import SIZES

WORLDS = "worlds of another version"


def older_worlds(folder: Path) -> Iterator[Area]:
    """An area for each world in HOME/proof.

    Args:
        folder: HOME/proof.
    """
    for size in SIZES:
        for world in entries(folder / size):
            if world.name.startswith("seed-") and world.is_dir() and not world.is_symlink():
                lock = partial(locked, world / LOCK, what=f"the world {world}", wait_seconds=0)
                yield Area(partial(_older, world, size), lock)


def _older(world: Path, size: str) -> Iterator[Leftover]:
    stamp = world / STAMP
    current = json.dumps(made_by(SIZES[size]), indent=1)
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") == current:
        return
    for path in entries(world):
        if path.name not in (LOCK, STAMP):
            yield Leftover(WORLDS, path, "another version made it, and the next proof begins anew")
