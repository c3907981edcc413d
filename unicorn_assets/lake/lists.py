"""Numbers, lists of them and ids between Arrow and NumPy, without copies and what pyarrow's own ways bring along.

`to_numpy` and `pyarrow.array` import pandas where it is installed, which takes a third of a transfer's time.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.identity import ID_LENGTH

_TYPES = {
    pa.float16(): np.float16,
    pa.float32(): np.float32,
    pa.float64(): np.float64,
    pa.int8(): np.int8,
    pa.int32(): np.int32,
    pa.int64(): np.int64,
    pa.uint32(): np.uint32,
    pa.uint64(): np.uint64,
}


def numbers(flat: Any) -> NDArray[Any]:
    """An Arrow array of one of those types without nulls as a read-only view, (n,)."""
    dtype = np.dtype(_TYPES[flat.type])
    if not len(flat):
        return np.empty(0, dtype)
    view = np.frombuffer(flat.buffers()[1], dtype, len(flat), flat.offset * dtype.itemsize)
    view.flags.writeable = False
    return view


def listed(vectors: NDArray[Any], kind: Any) -> Any:
    """Contiguous vectors (n, dimension) as an Arrow array of the fixed-size list type `kind`, a view of them."""
    flat = pa.Array.from_buffers(kind.value_type, vectors.size, [None, pa.py_buffer(vectors)])
    return pa.FixedSizeListArray.from_arrays(flat, type=kind)


def flat(kind: Any, values: NDArray[Any]) -> Any:
    """Numbers as an Arrow array of the type `kind`, a view of them where they are of that type."""
    values = np.ascontiguousarray(values, _TYPES[kind])
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def fixed_ids(ids: Any) -> Any:
    """Ids, an Arrow array of strings, in one piece as fixed-size binary.

    Raises:
        pa.ArrowInvalid: one is not as long as an id.
    """
    wide = ids.cast(pa.binary()).cast(pa.binary(ID_LENGTH))
    return wide.combine_chunks() if isinstance(wide, pa.ChunkedArray) else wide


def ids(fixed: Any) -> NDArray[np.bytes_]:
    """What `fixed_ids` gives, as a read-only view, (n,) of `S20`."""
    if not len(fixed):
        return np.empty(0, f"S{ID_LENGTH}")
    return np.frombuffer(fixed.buffers()[1], f"S{ID_LENGTH}", len(fixed), fixed.offset * ID_LENGTH)


def id_strings(found: NDArray[np.bytes_]) -> Any:
    """Ids, (n,) of `S20`, as an Arrow array of strings."""
    found = np.ascontiguousarray(found, f"S{ID_LENGTH}")
    offsets = np.arange(len(found) + 1, dtype=np.int32) * np.int32(ID_LENGTH)
    return pa.Array.from_buffers(pa.string(), len(found), [None, pa.py_buffer(offsets), pa.py_buffer(found)])
