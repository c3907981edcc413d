"""Seed files of every format, written as other programs write them."""

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from unicorn_assets.recipe import Source

TABLES = ("jsonl", "csv", "tsv", "parquet")
PACKS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


def source(path: Path, **keys) -> Source:
    """A source called after the file, unless it is called otherwise."""
    return Source(**{"name": path.name.split(".")[0], "path": str(path), **keys})


def write_table(folder: Path, name: str, rows: Sequence[Mapping[str, object]]) -> Path:
    """Rows as a table in the format, and the compression, that the name's endings say."""
    kind, pack = name.split(".")[1], "." + name.split(".")[2] if name.count(".") == 2 else ""
    path = folder / name
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
        return path
    text = io.StringIO(newline="")
    if kind == "jsonl":
        text.writelines(json.dumps(row) + "\n" for row in rows)
    elif kind == "txt":
        text.writelines(f"{row['caption']}\n" for row in rows)
    else:
        writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if kind == "tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
    path.write_bytes(PACKS[pack](text.getvalue().encode()))
    return path


def write_text(folder: Path, name: str, text: str | bytes) -> Path:
    """A file with just this in it."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
