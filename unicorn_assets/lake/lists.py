"""Lists of numbers between Arrow and NumPy, without a copy and without what pyarrow's own ways bring along.

`to_numpy` and `pyarrow.array` import pandas where it is installed, which takes a third of a transfer's time.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_TYPES = {
    pa.float16(): np.float16,
    pa.float32(): np.float32,
    pa.int32(): np.int32,
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
