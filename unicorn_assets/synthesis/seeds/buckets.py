"""The file of all seeds, sorted by shard and id: a shard is read without touching the others."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.errors import LakeError

SEEDS = pa.schema(
    [
        ("id", pa.string()),
        ("shard", pa.string()),
        ("seed", pa.string()),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("origin", pa.string()),
        ("image_id", pa.string()),
        ("topic", pa.string()),
        ("file", pa.string()),
        ("row", pa.int64()),
    ]
)
"""Columns of the seeds file. `file` is a name without folders, `row` the line or record in it, from 1."""

ROWS_PER_GROUP = 10_000


def write_buckets(path: Path, batches: Iterable[pa.RecordBatch], shards: Sequence[str]) -> dict[str, str]:
    """Writes seeds that come sorted by (shard, id), no row group across two shards.

    Args:
        path: the Parquet file.
        batches: batches of SEEDS.
        shards: names of all shards.

    Returns:
        The hash of each shard's rows, also of a shard without any. It depends on that shard's rows alone.
    """
    hashes = {shard: hashlib.blake2b(digest_size=16) for shard in shards}
    with pq.ParquetWriter(path, SEEDS, compression="zstd", write_statistics=["shard"]) as writer:
        for group in row_groups(batches, by="shard"):
            digest = hashes[group["shard"][0].as_py()]
            for row in group.to_pylist():
                digest.update(json.dumps(list(row.values())).encode() + b"\n")
            writer.write_table(group)
    return {shard: digest.hexdigest() for shard, digest in hashes.items()}


def read_bucket(path: Path, shard: str) -> pa.Table:
    """The seeds of one shard in the order of their ids; no rows where it has none. Reads its row groups alone.

    Raises:
        LakeError: the file is missing or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            groups = [
                number
                for number in range(file.num_row_groups)
                if file.metadata.row_group(number).column(SEEDS.names.index("shard")).statistics.min == shard
            ]
            return file.read_row_groups(groups)
    except (pa.ArrowException, OSError) as error:
        raise LakeError(
            f"The seeds file {path} cannot be read: {str(error).splitlines()[0]}", "make seed_sources again."
        ) from None


def row_groups(batches: Iterable[pa.RecordBatch], by: str | None = None) -> Iterator[pa.Table]:
    """The same rows cut anew, so that a file does not depend on how they came.

    Args:
        batches: the rows.
        by: a column that they are sorted by; no group has two values of it.

    Yields:
        ROWS_PER_GROUP rows in one piece, or what is left.
    """
    held: list[pa.RecordBatch] = []
    room = ROWS_PER_GROUP
    for starts, piece in _pieces(batches, by):
        if held and (starts or not room):
            yield pa.Table.from_batches(held).combine_chunks()
            held, room = [], ROWS_PER_GROUP
        while len(piece) > room:
            yield pa.Table.from_batches([*held, piece[:room]]).combine_chunks()
            held, piece, room = [], piece[room:], ROWS_PER_GROUP
        held.append(piece)
        room -= len(piece)
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _pieces(batches: Iterable[pa.RecordBatch], by: str | None) -> Iterator[tuple[bool, pa.RecordBatch]]:
    """The batches, each cut where the column `by` changes, and whether a piece starts a new value of it."""
    last: object = None
    for batch in filter(len, batches):
        ends = [batch.num_rows]
        if by is not None:
            values = batch[by].to_numpy(zero_copy_only=False)
            ends = [*(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), batch.num_rows]
        start = 0
        for end in ends:
            value = None if by is None else batch[by][start].as_py()
            yield value != last, batch[start:end]
            last, start = value, end
