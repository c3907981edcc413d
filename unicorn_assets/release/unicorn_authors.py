"""The layout that the Unicorn paper's authors' trainer reads (github.com/Yu-xm/Unicorn, bunny/util/data_utils.py).

`Pretrain.json` and `Instruction.json` are arrays of `id`, `caption`, `conversations`. The vectors are pickled lists of
{"id": str, "embed": float32 array (dimension,)}, as `data/embed_mean.py` there leaves them: the trainer loads every
.pkl of one folder. Written for that trainer alone, and never read here: loading a pickle runs what it says.
"""

import pickle
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from unicorn_assets.lake.files import explained
from unicorn_assets.lake.halves import Halves

FOLDER = "unicorn_authors"
EMBEDDINGS = f"{FOLDER}/embeddings"
RECORDS = {"pretrain": "Pretrain.json", "instruction": "Instruction.json"}
"""The JSON file of each table; validation has its own of the same name."""

ROWS_A_FILE = 8_192
"""42 MB of vectors at 1,280 numbers. A list has to be in memory whole to be pickled, and takes thrice that then."""

_PROTOCOL = 4


class ListWriter:
    """Writes vectors as they come to FOLDER/caption_embeddings_1.pkl and on, ROWS_A_FILE in each.

    Raises:
        LakeError: a file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._held: list[dict[str, Any]] = []

    def write(self, ids: Sequence[str], vectors: Halves) -> None:
        """Appends vectors, (len(ids), dimension).

        Raises:
            LakeError: a file cannot be written.
        """
        for sample, vector in zip(ids, vectors, strict=True):
            self._held.append({"id": sample, "embed": vector.astype(np.float32)})
            if len(self._held) == ROWS_A_FILE:
                self._flush()

    def _flush(self) -> None:
        self._number += 1
        path = self._folder / f"caption_embeddings_{self._number}.pkl"
        with explained(path), path.open("wb") as file:
            _Pickler(file, _PROTOCOL).dump(self._held)
        self._held = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._held:
            self._flush()


class _Pickler(pickle.Pickler):
    """Pickles arrays through names that every NumPy has: those of its own way changed between 1.x and 2.x."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return np.frombuffer, (bytearray(value.tobytes()), value.dtype.str)
        return NotImplemented
