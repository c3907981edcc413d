"""The file of all seeds, sorted by shard and id: a shard is read without touching the others."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.sorting import row_groups

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
        for group in row_groups(batches, ROWS_PER_GROUP, by="shard"):
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
