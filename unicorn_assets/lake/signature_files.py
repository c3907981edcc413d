"""Signatures of a shard's texts on disk: one Arrow IPC file, whose header says of which texts and by which algorithm.

Derived: a file that is missing, damaged, of other texts or of another algorithm is no error. It is made again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates.signatures import PERMUTATIONS, Signatures
from unicorn_assets.lake.files import whole
from unicorn_assets.lake.lists import listed, numbers

_HEADER = b"unicorn_assets"
_MINHASH = pa.list_(pa.uint32(), PERMUTATIONS)
_TYPES = {
    "id": pa.string(),
    "place": pa.int32(),
    "key": pa.uint64(),
    "shingles": pa.int32(),
    "minhash": _MINHASH,
    "sample": pa.large_list(pa.uint64()),
}


@dataclass(frozen=True)
class Signed:
    """The texts of a shard and their signatures, all (n,), in the order of id and place; views of the mapped file.

    Args:
        ids: the row that each text stands in, as an Arrow array of strings.
        places: its place in the row, where that has several; -1 where it has one.
        signatures: the signatures.
    """

    ids: Any
    places: NDArray[np.int32]
    signatures: Signatures


def write(
    path: Path,
    header: Mapping[str, Any],
    ids: Sequence[str],
    places: NDArray[np.int32],
    parts: Sequence[Signatures],
) -> None:
    """Writes the signatures of a shard, whole or not at all.

    Args:
        path: the file.
        header: what they are of and by which algorithm, as JSON values.
        ids: (n,), see `Signed`.
        places: (n,).
        parts: the signatures of the n texts in order, in parts.

    Raises:
        LakeError: it cannot be written.
    """
    offsets = np.cumsum(np.concatenate([[0], *(np.diff(part.offsets) for part in parts)]))

    def joined(name: str, dtype: Any) -> NDArray[Any]:
        return np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)]).astype(dtype)

    minhash = np.concatenate([np.empty((0, PERMUTATIONS), np.uint32), *(part.minhash for part in parts)])
    samples = pa.Array.from_buffers(pa.uint64(), int(offsets[-1]), [None, pa.py_buffer(joined("samples", np.uint64))])
    columns = [
        pa.array(ids, pa.string()),
        _flat(pa.int32(), places.astype(np.int32)),
        _flat(pa.uint64(), joined("keys", np.uint64)),
        _flat(pa.int32(), joined("shingles", np.int32)),
        listed(minhash, _MINHASH),
        pa.Array.from_buffers(
            _TYPES["sample"], len(offsets) - 1, [None, pa.py_buffer(offsets.astype(np.int64))], children=[samples]
        ),
    ]
    schema = pa.schema(list(_TYPES.items()), metadata={_HEADER: _text(header)})
    with whole(path) as draft, pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(columns, schema=schema))


def read(path: Path, header: Mapping[str, Any]) -> Signed | None:
    """The signatures in a file; None where it is not there, cannot be read, or has another header."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if (reader.schema.metadata or {}).get(_HEADER) != _text(header):
            return None
        batch = reader.get_batch(0)
    except (OSError, pa.ArrowException):
        return None
    sample = batch.column("sample")
    offsets = np.frombuffer(sample.buffers()[1], np.int64, len(batch) + 1) if len(batch) else np.zeros(1, np.int64)
    return Signed(
        batch.column("id"),
        numbers(batch.column("place")),
        Signatures(
            keys=numbers(batch.column("key")),
            shingles=numbers(batch.column("shingles")).astype(np.int64),
            minhash=numbers(batch.column("minhash").values).reshape(-1, PERMUTATIONS),
            samples=numbers(sample.values),
            offsets=offsets,
        ),
    )


def _flat(kind: Any, values: NDArray[Any]) -> Any:
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def _text(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True).encode()
