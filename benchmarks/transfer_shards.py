"""Stage 3 over a whole corpus, shard by shard: 1,243,195 x 1280 float16 in 120 shards, as the assets do it.

Run it with `python -m benchmarks.transfer_shards [FOLDER] [--rows N] [--shards N]`; the folder's disk must hold 6.6 GB,
which is given back at the end. One thread reads each shard, gathers its statistics and merges them, then carries it
over and writes the result, for the first quarter and the first half of the shards and for all: seconds grow with the
rows and own memory (see `benchmarks.transfer`) does not. `beyond writing` leaves out the time in the writer.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.transfer import DIMENSION, IMAGES, embeddings, measured
from unicorn_assets.lake.vectors import VectorWriter, iter_vectors
from unicorn_assets.transfer.base import Method
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.realign import Anchor
from unicorn_assets.transfer.statistics import Moments
from unicorn_assets.transfer.threads import BLOCK_ROWS

ROWS, SHARDS = 1_243_195, 120
WANTED = 60.0


def write_shard(path: Path, vectors: np.ndarray[Any, Any], number: int) -> None:
    with VectorWriter(path, DIMENSION) as writer:
        writer.write([f"{number:04d}{row:016d}" for row in range(len(vectors))], vectors)


def make(folder: Path, rows: int, shards: int) -> list[Path]:
    """Shards of equal size but for one row, each one shard's rows in another order with their columns rotated."""
    edges = [rows * number // shards for number in range(shards + 1)]
    most = max(stop - start for start, stop in pairwise(edges))
    drawn, generator, paths = embeddings(most, 1, 0.5), np.random.default_rng(3), []
    for number, (start, stop) in enumerate(pairwise(edges)):
        order = generator.permutation(most)[: stop - start]
        paths.append(folder / f"text-{number:04d}.arrow")
        write_shard(paths[-1], np.roll(drawn[order], number, axis=1), number)
    return paths


def seen(paths: list[Path], add: Callable[[Moments, np.ndarray[Any, Any], int], None]) -> Moments:
    """What `add` gathers of each shard, merged."""
    total = Moments(DIMENSION)
    for path in paths:
        own, first = Moments(DIMENSION), 0
        for ids, vectors in iter_vectors(path, BLOCK_ROWS):
            add(own, vectors, first)
            first += len(ids)
        total.merge(own)
    return total


def fit(method: str, texts: list[Path], images: Path) -> Method:
    def plainly(own: Moments, vectors: np.ndarray[Any, Any], first: int) -> None:
        own.add(vectors)

    found = seen(texts, plainly)
    if method == "mean_shift":
        return MeanShift.fit(found)
    anchor = Anchor.fit(found, seen([images], plainly))
    return anchor.finish(seen(texts, lambda own, vectors, first: anchor.gather(vectors, first, own)))


class Corpus:
    """Fits and carries over; `writing` is the time that the writer took."""

    def __init__(self, method: str, texts: list[Path], images: Path, out: Path) -> None:
        self.method, self.texts, self.images, self.out = method, texts, images, out
        self.writing = 0.0

    def run(self) -> None:
        """Everything, from files to files."""
        method = fit(self.method, self.texts, self.images)
        for path in self.texts:
            self._carry(method, path)

    def _carry(self, method: Method, path: Path) -> None:
        writer, first = VectorWriter(self.out / path.name, DIMENSION), 0
        for ids, vectors in iter_vectors(path, BLOCK_ROWS):
            carried, lost = method.apply(vectors, first, ids)
            first += len(ids)
            kept = [sample for sample, gone in zip(ids, lost, strict=True) if not gone]
            start = time.perf_counter()
            writer.write(kept, carried[~lost])
            self.writing += time.perf_counter() - start
        start = time.perf_counter()
        writer.close()
        self.writing += time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the files go for a while")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--shards", type=int, default=SHARDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder, out = Path(name), Path(name, "out")
        needed = options.rows * DIMENSION * 2 * 2 * 1.05
        if shutil.disk_usage(folder).free < needed:
            parser.error(f"{folder.parent} has no room for {needed / 1e9:.1f} GB; name another folder.")
        print(f"{options.rows:,} x {DIMENSION} float16 in {options.shards} shards, {IMAGES:,} images for realign")
        texts, images = make(folder, options.rows, options.shards), folder / "image.arrow"
        write_shard(images, embeddings(IMAGES, 2, -0.5), 9999)
        print(f"{'':<12}{'shards':>8}{'in all':>12}{'beyond writing':>18}{'processor':>14}{'own memory':>14}")
        for method in ("mean_shift", "realign"):
            for part in (options.shards // 4, options.shards // 2, options.shards):
                out.mkdir()
                work = Corpus(method, texts[:part], images, out)
                seconds, used, memory = measured(work.run)
                beyond = f"{seconds - work.writing:.1f} s"
                figures = f"{seconds:>10.1f} s{beyond:>18}{used:>12.1f} s{memory:>11,.0f} MB"
                print(f"{method:<12}{part:>8}{figures}   wanted: {WANTED:.0f} s beyond writing", flush=True)
                shutil.rmtree(out)


if __name__ == "__main__":
    main()
