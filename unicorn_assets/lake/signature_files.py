"""A shard's texts and their signatures on disk: one Arrow IPC file, read memory-mapped, so that a text is read alone.

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

from unicorn_assets.curation.duplicates.signatures import Signatures
from unicorn_assets.lake.files import whole
from unicorn_assets.lake.lists import fixed_ids, flat, ids, listed, numbers

_HEADER = b"unicorn_assets"
_SAMPLE = pa.large_list(pa.uint64())


@dataclass(frozen=True)
class Signed:
    """The texts of a shard and their signatures, all (n,), in the order of id and place; views of the mapped file.

    Args:
        ids: the row that each text stands in.
        places: its place in the row, where that has several; -1 where it has one.
        texts: the texts, as an Arrow array.
        signatures: the signatures.
    """

    ids: NDArray[np.bytes_]
    places: NDArray[np.int32]
    texts: Any
    signatures: Signatures

    def at(self, places: NDArray[np.int64]) -> list[str]:
        """The texts at these places of the shard; nothing else of them is read."""
        found: list[str] = self.texts.take(flat(pa.int64(), places)).to_pylist()
        return found


def write(
    path: Path,
    header: Mapping[str, Any],
    sample_ids: Any,
    places: NDArray[np.int32],
    texts: Any,
    parts: Sequence[Signatures],
) -> None:
    """Writes the texts of a shard and their signatures, whole or not at all.

    Args:
        path: the file.
        header: what the signatures are of and by which algorithm, as JSON values.
        sample_ids: (n,), see `Signed`; as an Arrow array of strings.
        places: (n,).
        texts: (n,), as an Arrow array of strings.
        parts: the signatures of the n texts in order, in parts.

    Raises:
        LakeError: it cannot be written.
    """
    offsets = np.cumsum(np.concatenate([[0], *(np.diff(part.offsets) for part in parts)]))

    def joined(name: str, dtype: Any) -> NDArray[Any]:
        return np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)]).astype(dtype, copy=False)

    bands = np.concatenate([part.bands for part in parts]) if parts else np.empty((0, 1), np.uint32)
    columns = {
        "id": fixed_ids(sample_ids),
        "place": flat(pa.int32(), places),
        "text": _one(texts.cast(pa.large_string())),
        "key": flat(pa.uint64(), joined("keys", np.uint64)),
        "shingles": flat(pa.int32(), joined("shingles", np.int32)),
        "bands": listed(bands, pa.list_(pa.uint32(), bands.shape[1])),
        "sample": pa.Array.from_buffers(
            _SAMPLE,
            len(offsets) - 1,
            [None, pa.py_buffer(offsets.astype(np.int64, copy=False))],
            children=[flat(pa.uint64(), joined("samples", np.uint64))],
        ),
    }
    schema = pa.schema([(name, column.type) for name, column in columns.items()], metadata={_HEADER: _text(header)})
    with whole(path) as draft, pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))


def read(path: Path, header: Mapping[str, Any]) -> Signed | None:
    """What stands in a file; None where it is not there, cannot be read, or has another header."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if (reader.schema.metadata or {}).get(_HEADER) != _text(header):
            return None
        batch = reader.get_batch(0)
    except (OSError, pa.ArrowException):
        return None
    bands, sample = batch.column("bands"), batch.column("sample")
    offsets = np.frombuffer(sample.buffers()[1], np.int64, len(batch) + 1) if len(batch) else np.zeros(1, np.int64)
    return Signed(
        ids(batch.column("id")),
        numbers(batch.column("place")),
        batch.column("text"),
        Signatures(
            keys=numbers(batch.column("key")),
            shingles=numbers(batch.column("shingles")).astype(np.int64),
            bands=numbers(bands.values).reshape(-1, bands.type.list_size),
            samples=numbers(sample.values),
            offsets=offsets,
        ),
    )


def _one(array: Any) -> Any:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _text(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True).encode()
