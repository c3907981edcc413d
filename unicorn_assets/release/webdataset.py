"""WebDataset tar shards: `KEY.json` with the row and `KEY.npy` with its vector, side by side, KEY being the id.

Read by the `webdataset` package, by `datasets` and by any reader of tar files. Owners, times and order are fixed, so
that equal rows give equal bytes. A shard without rows has no tar: readers take an empty one for a damaged one.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from unicorn_assets.lake.files import explained
from unicorn_assets.lake.halves import Halves

FOLDER = "webdataset"
ROW, VECTOR = "json", "npy"
"""The two members of a sample, by the end of their names."""


class TarWriter:
    """Writes samples to one tar file, which is begun with the first of them.

    Args:
        path: the file.

    Raises:
        LakeError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tar: tarfile.TarFile | None = None

    def write(self, rows: Iterable[Mapping[str, Any]], vectors: Halves) -> None:
        """Appends rows with an `id`, and their vectors, (rows, dimension).

        Raises:
            LakeError: the file cannot be written.
        """
        with explained(self._path):
            if self._tar is None and len(vectors):
                self._tar = tarfile.open(self._path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed by __exit__
            for row, vector in zip(rows, vectors, strict=True):
                self._add(f"{row['id']}.{ROW}", json.dumps(row, ensure_ascii=False).encode())
                self._add(f"{row['id']}.{VECTOR}", npy(vector))

    def _add(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)  # time 0, no owner, mode 644
        member.size = len(content)
        assert self._tar is not None
        self._tar.addfile(member, io.BytesIO(content))
        self._tar.members = []  # type: ignore[attr-defined] # it would remember every one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tar is None:
            return
        with explained(self._path):
            if kind is None:
                self._tar.close()
            else:
                self._tar.fileobj.close()


def npy(vector: Halves) -> bytes:
    """A vector in NumPy's file format."""
    out = io.BytesIO()
    np.lib.format.write_array(out, vector, version=(1, 0), allow_pickle=False)
    return out.getvalue()
