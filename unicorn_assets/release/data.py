"""Writes the data files of a release, shard by shard, a batch at a time: both tables, vectors and further formats."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from unicorn_assets.curation.decisions import Leaving, ids_of
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.lake.vectors import VectorWriter, dimension, iter_vectors
from unicorn_assets.progress import Progress, silent
from unicorn_assets.recipe import Release
from unicorn_assets.release import tables, unicorn_authors
from unicorn_assets.release.figures import Counting
from unicorn_assets.release.inputs import SELECTION, Inputs
from unicorn_assets.release.lookup import Lookup
from unicorn_assets.release.sinks import Rows, Sink, folders
from unicorn_assets.release.splits import Split, named, split_of, splits
from unicorn_assets.release.tables import EMBEDDINGS

Origin = tuple[str, str, str]
"""Source, licence and origin of a seed."""

_SEED_COLUMNS = pa.schema([(name, pa.string()) for name in ("id", "source", "licence", "origin")])


@dataclass
class Written:
    """What was written.

    Args:
        rows: rows by table (on each side of the split; `embeddings` among them) and shard.
        origins: rows of each table by where their seed comes from.
        examples: the first row of each table that has one, its vector shortened.
        figures: what the rows of each table are like.
    """

    rows: dict[str, dict[str, int]]
    origins: dict[str, Counter[Origin]] = field(default_factory=lambda: {name: Counter() for name in tables.COLUMNS})
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: dict[str, Counting] = field(default_factory=lambda: {name: Counting() for name in tables.COLUMNS})


def prepare(folder: Path, chosen: Release) -> None:
    """Makes the folders that `write` needs.

    Raises:
        OSError: they cannot be made.
    """
    names = [EMBEDDINGS, *(name for split in splits(chosen.validation) for name in folders(split, chosen.formats))]
    names += [unicorn_authors.EMBEDDINGS] if "unicorn_authors" in chosen.formats else []
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)


def write(inputs: Inputs, folder: Path, chosen: Release, progress: Progress = silent) -> Written:
    """Writes everything into `folder`, where `prepare` has been.

    Args:
        inputs: the shards.
        folder: the draft.
        chosen: which formats, and which share is held out.
        progress: told how many rows of both tables are written.

    Raises:
        LakeError: a file of the lake is damaged, a sample lacks vector or seed, or a file cannot be written; names it.
    """
    sides = splits(chosen.validation)
    names = [*(named(side, table) for side in sides for table in tables.COLUMNS), EMBEDDINGS]
    written = Written({name: {} for name in names})
    count = _Progress(progress, inputs)
    with ExitStack() as stack:
        sinks = {
            (side, table): Sink(stack, folder, side, table, chosen.formats)
            for side in sides
            for table in tables.COLUMNS
        }
        pickles = None
        if "unicorn_authors" in chosen.formats:
            pickles = stack.enter_context(unicorn_authors.ListWriter(folder / unicorn_authors.EMBEDDINGS))
        leaving = Leaving.of(_decisions(inputs.file(SELECTION, ALL, "rows")))
        for shard in inputs.shards:
            vectors = inputs.file("synthetic_image_embeddings", shard, "vectors")
            released: set[str] = set()
            for table in tables.COLUMNS:
                mine = {side: sinks[side, table] for side in sides}
                released |= _write_table(
                    inputs, shard, table, mine, vectors, chosen.validation, leaving, written, count
                )
            target = folder / EMBEDDINGS / f"{shard}.arrow"
            places = _copy_vectors(vectors, target, released, pickles)
            written.rows[EMBEDDINGS][shard] = len(places)
            for sink in sinks.values():
                sink.index(places)
    return written


class _Progress:
    """Adds up the rows of all tables."""

    def __init__(self, progress: Progress, inputs: Inputs) -> None:
        self._progress, self._done = progress, 0
        self._total = inputs.sidecars[SELECTION][ALL].rows_out

    def add(self, rows: int) -> None:
        self._done += rows
        self._progress(self._done, self._total)


def _write_table(
    inputs: Inputs,
    shard: str,
    table: str,
    sinks: dict[Split, Sink],
    vectors: Path,
    share: float,
    leaving: Leaving,
    written: Written,
    progress: _Progress,
) -> set[str]:
    """Writes the selected rows of one table of one shard, each to its side; returns the ids."""
    rows = inputs.file(tables.SOURCES[table], shard, "rows")
    seeds = inputs.file("caption_seeds", shard, "rows")
    ids: set[str] = set()
    for side in sinks:
        written.rows[named(side, table)][shard] = 0
    with ExitStack() as stack:
        for sink in sinks.values():
            stack.enter_context(sink.shard(shard, dimension(vectors)))
        for found, origins in _joined(rows, vectors, seeds, table, shard, leaving):
            written.origins[table].update(origins)
            written.examples.setdefault(table, tables.example(found.batch, found.vectors))
            written.figures[table].add(found.records)
            for side, sink in sinks.items():
                part = found.where([n for n, row in enumerate(found.records) if split_of(row["id"], share) == side])
                if part.records:
                    sink.write(part)
                written.rows[named(side, table)][shard] += len(part.records)
            ids.update(row["id"] for row in found.records)
            progress.add(len(found.records))
    return ids


def _joined(
    rows: Path, vectors: Path, seeds: Path, table: str, shard: str, leaving: Leaving
) -> Iterator[tuple[Rows, list[Origin]]]:
    """Selected rows with their vectors, and the origins of their seeds, a batch at a time. Files are sorted by id."""
    again = f"materialize {tables.SOURCES[table]} [{shard}] and what stands above it again."
    images = Lookup(iter_vectors(vectors), what=f"vector in {vectors}", cure=again)
    origins = Lookup(_origins(seeds), what=f"seed in {seeds}", cure=again)
    for batch in tables.batches(rows, tables.COLUMNS[table]):
        batch = batch.filter(pa.array(leaving.stays(table, ids_of(batch.column("id")))))
        ids: list[str] = batch.column("id").to_pylist()
        if not ids:
            continue
        found = np.concatenate([values[positions] for values, positions in images.find(ids)])
        whence = [values[one] for values, positions in origins.find(ids) for one in positions]
        yield Rows(batch, batch.to_pylist(), found), whence


def _decisions(path: Path) -> pa.Table:
    with open_parquet(path) as parquet, readable(path):
        return parquet.read(["id", "table"])


def _origins(seeds: Path) -> Iterator[tuple[list[str], list[Origin]]]:
    for batch in tables.batches(seeds, _SEED_COLUMNS):
        ids, *columns = (column.to_pylist() for column in batch.columns)
        yield ids, list(zip(*columns, strict=True))


def _copy_vectors(
    source: Path, target: Path, released: Collection[str], pickles: unicorn_authors.ListWriter | None
) -> dict[str, int]:
    """Copies each vector of a released sample once; that of a caption which no table kept stays behind.

    Returns the row of each in `target`.
    """
    places: dict[str, int] = {}
    with VectorWriter(target, dimension(source)) as writer:
        for ids, vectors in iter_vectors(source):
            keep = [position for position, sample in enumerate(ids) if sample in released]
            names, kept = [ids[position] for position in keep], vectors[keep]
            writer.write(names, kept)
            if pickles is not None:
                pickles.write(names, kept)
            places.update(zip(names, range(len(places), len(places) + len(names)), strict=True))
    return places
