"""Damage to a release, and what `unicorn verify` finds of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.lake.vectors import VectorWriter, read_vectors
from unicorn_assets.release import verify
from unicorn_assets.release.build import _describe
from unicorn_assets.release.manifest import FILE, Manifest

SHARD = "shard-0001"
VECTORS, ROWS, DIALOGS = f"embeddings/{SHARD}.arrow", f"pretrain/{SHARD}.parquet", f"instruction/{SHARD}.parquet"


def found(folder: Path) -> list[str]:
    faults = list(verify.verify(folder))
    assert all(fault.cure.endswith(".") and fault.what.endswith(".") for fault in faults)
    return [fault.what for fault in faults]


def reseal(folder: Path, **changes: Any) -> None:
    """The manifest as if the files had been released as they are: damage that no hash tells."""
    manifest = Manifest.model_validate_json((folder / FILE).read_bytes())
    (folder / FILE).unlink()
    (folder / FILE).write_text(manifest.model_copy(update={"files": _describe(folder)} | changes).sealed().dump())


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table], name: str = ROWS) -> None:
    path = folder / name
    pq.write_table(change(pq.read_table(path)), path)
    reseal(folder)


def revector(folder: Path, change: Callable[[list[str], np.ndarray], tuple[list[str], np.ndarray]]) -> None:
    ids, vectors = read_vectors(folder / VECTORS)
    ids, vectors = change(list(ids), np.array(vectors))
    with VectorWriter(folder / VECTORS, vectors.shape[1]) as writer:
        writer.write(ids, vectors)
    reseal(folder)


def changed(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    field = table.schema.field(column)
    return table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))


def one(faults: list[str], *parts: str) -> str:
    matching = [fault for fault in faults if all(part in fault for part in parts)]
    assert len(matching) == 1, faults
    return matching[0]
