"""Stored answers of one stage dealt out anew over another number of shards. What was stored stays as it is."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicorn_assets.engines import compacted
from unicorn_assets.engines.compacted import Row
from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.errors import LakeError
from unicorn_assets.identity import shard_name, shard_number
from unicorn_assets.lake.sorting import insert, ordered, workbench

SHARD_FILE = re.compile(r"(shard-\d{4})\.(journal|parquet|lock)")
_PLACED = compacted.SCHEMA.append(pa.field("place", pa.int32()))


def stores(folder: Path) -> list[Path]:
    """The stores of all shards in a stage's folder, without their ending, by name."""
    found = (SHARD_FILE.fullmatch(path.name) for path in (folder.iterdir() if folder.is_dir() else ()))
    return sorted({folder / name[1] for name in found if name is not None and name[2] != "lock"})


def deal(old: Path, new: Path, shards: int, scratch: Path) -> int:
    """Writes what the stores in the folder `old` hold into stores of other shards in the folder `new`.

    Each is compacted: sorted by id and key, so that equal answers give equal bytes wherever they came from.

    Args:
        old: HOME/answers/STAGE; nobody writes to it meanwhile.
        new: the folder of the new stores, which is there.
        shards: how many there will be.
        scratch: an empty folder for what does not fit into memory.

    Returns:
        How many answers were stored.

    Raises:
        LakeError: a store is damaged as a whole, an answer's id belongs to no shard, or the disk is full.
    """
    with workbench(scratch) as connection:
        insert(connection, "answers", _PLACED.empty_table())
        for path in stores(old):
            with AnswerReader(path) as store:
                for group in compacted.groups(store.rows()):
                    places = [_place(row["id"], shards, path) for row in group]
                    table = pa.Table.from_pylist(group, schema=compacted.SCHEMA)
                    insert(connection, "answers", table.append_column("place", pa.array(places, pa.int32())))
        rows = _rows(ordered(connection, "answers", _PLACED, ("place", "id", "key")))
        by_shard = groupby(rows, lambda row: shard_name(row["place"]))
        return sum(_write(new / shard, answers) for shard, answers in by_shard)


def _place(sample: str, shards: int, store: Path) -> int:
    try:
        return shard_number(sample, shards)
    except ValueError:
        raise LakeError(
            f"The answers in {store} hold one with the id {sample!r}, which belongs to no shard.",
            "look where it comes from; move that file out of HOME, and its answers are asked for again.",
        ) from None


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for row in compacted.decoded(pa.Table.from_batches([batch])):
            yield dict(row)


def _write(store: Path, rows: Iterator[dict[str, Any]]) -> int:
    count, last = 0, ""

    def once() -> Iterator[Row]:
        nonlocal count, last
        for row in rows:
            if row["key"] != last:
                count, last = count + 1, row["key"]
                yield {name: value for name, value in row.items() if name != "place"}

    compacted.write(store.with_name(f"{store.name}.parquet"), once())
    return count
