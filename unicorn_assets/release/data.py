"""Writes the data files of a release, shard by shard, a batch at a time: both tables, vectors and LLaVA files."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from unicorn_assets.lake.halves import Halves
from unicorn_assets.lake.vectors import VectorWriter, dimension, iter_vectors
from unicorn_assets.release import llava, tables
from unicorn_assets.release.inputs import Inputs
from unicorn_assets.release.lookup import Lookup

EMBEDDINGS = "embeddings"
FOLDERS = (*tables.COLUMNS, EMBEDDINGS, llava.FOLDER)

Origin = tuple[str, str, str]
"""Source, licence and origin of a seed."""

_SEED_COLUMNS = pa.schema([(name, pa.string()) for name in ("id", "source", "licence", "origin")])


class Progress(Protocol):
    """Hears how far the writing is."""

    def __call__(self, done: int, total: int | None) -> None:
        """`done` of `total` rows of both tables."""


def silent(done: int, total: int | None) -> None:
    """Hears and says nothing."""


@dataclass
class Written:
    """What was written.

    Args:
        rows: rows by table (`embeddings` among them) and shard.
        origins: rows of each table by where their seed comes from.
        examples: the first row of each table that has one, its vector shortened.
    """

    rows: dict[str, dict[str, int]] = field(
        default_factory=lambda: {name: {} for name in (*tables.COLUMNS, EMBEDDINGS)}
    )
    origins: dict[str, Counter[Origin]] = field(default_factory=lambda: {name: Counter() for name in tables.COLUMNS})
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)


def write(inputs: Inputs, folder: Path, progress: Progress = silent) -> Written:
    """Writes everything into `folder`, whose sub-folders FOLDERS are there.

    Raises:
        LakeError: a file of the lake is damaged, a sample lacks vector or seed, or a file cannot be written; names it.
    """
    total = sum(inputs.sidecars[stage][shard].rows_out for stage in tables.SOURCES.values() for shard in inputs.shards)
    written, done = Written(), 0
    with ExitStack() as stack:
        records = {
            table: stack.enter_context(llava.ArrayWriter(folder / llava.FOLDER / f"{table}.json"))
            for table in tables.COLUMNS
        }
        for shard in inputs.shards:
            vectors = inputs.file("synthetic_image_embeddings", shard, "vectors")
            seeds = inputs.file("caption_seeds", shard, "rows")
            released: set[str] = set()
            for table, stage in tables.SOURCES.items():
                rows, count = inputs.file(stage, shard, "rows"), 0
                with tables.TableWriter(folder / table / f"{shard}.parquet", table, dimension(vectors)) as writer:
                    for ids, batch, found, origins in _joined(rows, vectors, seeds, table, shard):
                        writer.write(batch, found)
                        records[table].write(batch.select(llava.RECORD).to_pylist())
                        written.origins[table].update(origins)
                        written.examples.setdefault(table, tables.example(batch, found))
                        released.update(ids)
                        count += len(ids)
                        progress(done + count, total)
                written.rows[table][shard] = count
                done += count
            written.rows[EMBEDDINGS][shard] = _copy_vectors(vectors, folder / EMBEDDINGS / f"{shard}.arrow", released)
    return written


def _joined(
    rows: Path, vectors: Path, seeds: Path, table: str, shard: str
) -> Iterator[tuple[list[str], pa.RecordBatch, Halves, list[Origin]]]:
    """Ids, rows, their vectors and the origins of their seeds, a batch at a time. All files are sorted by id."""
    again = f"materialize {tables.SOURCES[table]} [{shard}] and what stands above it again."
    images = Lookup(iter_vectors(vectors), what=f"vector in {vectors}", cure=again)
    origins = Lookup(_origins(seeds), what=f"seed in {seeds}", cure=again)
    for batch in tables.batches(rows, tables.COLUMNS[table]):
        ids: list[str] = batch.column("id").to_pylist()
        found = np.concatenate([values[positions] for values, positions in images.find(ids)])
        yield ids, batch, found, [values[one] for values, positions in origins.find(ids) for one in positions]


def _origins(seeds: Path) -> Iterator[tuple[list[str], list[Origin]]]:
    for batch in tables.batches(seeds, _SEED_COLUMNS):
        ids, *columns = (column.to_pylist() for column in batch.columns)
        yield ids, list(zip(*columns, strict=True))


def _copy_vectors(source: Path, target: Path, released: set[str]) -> int:
    """Copies each vector of a released sample once; that of a caption which no table kept stays behind."""
    with VectorWriter(target, dimension(source)) as writer:
        for ids, vectors in iter_vectors(source):
            keep = [position for position, sample in enumerate(ids) if sample in released]
            writer.write([ids[position] for position in keep], vectors[keep])
    return writer.count
