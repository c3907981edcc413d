"""Random access to the rows of a release: records and vectors by row number, rows by id. Without torch.

Everything is memory-mapped and nothing is copied before it is asked for, so processes share the pages, and opening
takes no longer for a large release. A row's record is a slice of the LLaVA file, and its vector one of the Arrow file
of its shard; the index beside the LLaVA file says which.
"""

import json
import mmap
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import ID_LENGTH, shard_name, shard_number
from unicorn_assets.lake.halves import Halves
from unicorn_assets.lake.vectors import dimension, vector_batches
from unicorn_assets.release import llava
from unicorn_assets.release.manifest import COPY_AGAIN, FILE, read
from unicorn_assets.release.splits import Split, named
from unicorn_assets.release.tables import EMBEDDINGS


@dataclass(frozen=True)
class Shard:
    """One shard's part of an index, views of the mapped file.

    Args:
        ids: (rows,) of `S20`, sorted.
        start: (rows,) first byte of each record.
        bytes: (rows,) length of each record.
        vector: (rows,) row of each vector in the shard's file of vectors.
    """

    ids: NDArray[np.bytes_]
    start: NDArray[np.uint64]
    bytes: NDArray[np.uint32]
    vector: NDArray[np.uint32]


class Chunks:
    """The vectors of one shard, memory-mapped.

    Args:
        path: the file.

    Raises:
        LakeError: it is missing, damaged or no file of vectors.
    """

    def __init__(self, path: Path) -> None:
        self._parts = [vectors for _, vectors in vector_batches(path)]
        self._starts = [0, *accumulate(len(part) for part in self._parts)]
        self.dimension = dimension(path)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, row: int) -> Halves:
        """The vector in a row, (dimension,), a read-only view."""
        part = bisect_right(self._starts, row) - 1
        found: Halves = self._parts[part][row - self._starts[part]]
        return found


class ReleaseRows:
    """The rows of one table of a release, on one side of the split.

    It can be sent to other processes: they map the same files.

    Args:
        folder: the release.
        table: `pretrain` or `instruction`.
        split: `train` or `validation`.

    Raises:
        LakeError: there is no such release, table or side, or its files are not those of its manifest.
    """

    def __init__(self, folder: str | Path, table: str = "pretrain", split: Split = "train") -> None:
        # Where `latest` points now: the files are opened one by one, here and in other processes, as it may move on.
        self.folder, self.table, self.split = Path(folder).resolve(), table, split
        self._manifest = read(self.folder)
        name = named(split, table)
        if name not in self._manifest.tables or name == EMBEDDINGS:
            has = ", ".join(one for one in self._manifest.tables if one != EMBEDDINGS)
            raise LakeError(f"The release {self.folder} has no table {name!r}; it has {has}.", "name one of those.")
        if llava.FOLDER not in self._manifest.formats:
            raise LakeError(
                f"The release {self.folder} does not carry the format {llava.FOLDER!r}, whose records are read by row.",
                "add it to `formats` in the recipe's [release] section and release again.",
            )
        rows = self._manifest.tables[name].shards
        self._names, self._starts = list(rows), [0, *accumulate(rows.values())]
        self._places = {shard: place for place, shard in enumerate(self._names)}
        self._shards: list[Shard | None] = [None] * len(self._names)
        self._chunks: list[Chunks | None] = [None] * len(self._names)
        self._text = self._map(self._path(f"{table}.json"))
        self._index = self._open_index(self._path(llava.index_name(table)))
        self.dimension = self._manifest.dimension

    def __len__(self) -> int:
        return self._starts[-1]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder, self.table, self.split)

    def record(self, row: int) -> dict[str, Any]:
        """The record of a row: `id`, `caption` and `conversations`, a list of `from` and `value`.

        Raises:
            IndexError: there is no such row.
            LakeError: what stands there is no record; the file is damaged.
        """
        place, offset = self._place(row)
        shard = self._shard(place)
        start = int(shard.start[offset])
        try:
            found: dict[str, Any] = json.loads(self._text[start : start + int(shard.bytes[offset])].decode())
        except ValueError:
            path = self._path(f"{self.table}.json")
            raise LakeError(f"{path} has no record of row {row} at byte {start:,}.", COPY_AGAIN) from None
        return found

    def vector(self, row: int) -> Halves:
        """The vector of a row, (dimension,), a read-only view of the mapped file.

        Raises:
            IndexError: there is no such row.
            LakeError: the file of vectors is damaged.
        """
        place, offset = self._place(row)
        return self._vectors(place)[int(self._shard(place).vector[offset])]

    def vectors(self, rows: Sequence[int]) -> Halves:
        """Copies of the vectors of these rows, (rows, dimension).

        Raises:
            IndexError: there is no such row.
            LakeError: a file of vectors is damaged.
        """
        out = np.empty((len(rows), self.dimension), np.float16)
        for position, row in enumerate(rows):
            out[position] = self.vector(row)
        return out

    def find(self, sample: str) -> int:
        """The row of an id.

        Raises:
            KeyError: the table does not have it on this side of the split.
        """
        place = None
        if len(sample) == ID_LENGTH and sample.isascii():
            try:
                place = self._places.get(shard_name(shard_number(sample, self._manifest.partitions)))
            except ValueError:
                raise KeyError(sample) from None
        if place is not None:
            ids = self._shard(place).ids
            offset = int(np.searchsorted(ids, sample.encode()))
            if offset < len(ids) and ids[offset] == sample.encode():
                return self._starts[place] + offset
        raise KeyError(sample)

    def _place(self, row: int) -> tuple[int, int]:
        """Shard and row in it; negative rows count from the end, as in a list."""
        rows = self._starts[-1]
        at = row + rows if row < 0 else row
        if not 0 <= at < rows:
            raise IndexError(f"row {row} of {rows:,}")
        place = bisect_right(self._starts, at) - 1
        return place, at - self._starts[place]

    def _path(self, name: str) -> Path:
        return self.folder / named(self.split, llava.FOLDER) / name

    def _map(self, path: Path) -> mmap.mmap:
        try:
            with path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
            raise LakeError(f"{path} cannot be read: {error}.", COPY_AGAIN) from None

    def _open_index(self, path: Path) -> Any:
        try:
            index = pa.ipc.open_file(pa.memory_map(str(path)))
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = (str(error).splitlines() or ["it is empty"])[0]
            raise LakeError(f"{path} cannot be read as Arrow ({reason}).", COPY_AGAIN) from None
        if index.schema != llava.INDEX or index.num_record_batches != len(self._names):
            raise LakeError(f"{path} is no index of the {len(self._names):,} shards that {FILE} names.", COPY_AGAIN)
        return index

    def _shard(self, place: int) -> Shard:
        found = self._shards[place]
        if found is None:
            found = index_part(self._index, place, self._path(llava.index_name(self.table)))
            if len(found.ids) != self._starts[place + 1] - self._starts[place]:
                raise LakeError(
                    f"The index of {self._names[place]} in {self._path(llava.index_name(self.table))} has "
                    f"{len(found.ids):,} rows instead of {self._starts[place + 1] - self._starts[place]:,}.",
                    COPY_AGAIN,
                )
            self._shards[place] = found
        return found

    def _vectors(self, place: int) -> Chunks:
        found = self._chunks[place]
        if found is None:
            path = self.folder / EMBEDDINGS / f"{self._names[place]}.arrow"
            found = Chunks(path)
            last = int(self._shard(place).vector.max(initial=0))
            if last >= len(found) or found.dimension != self.dimension:
                raise LakeError(
                    f"{path} has {len(found):,} vectors of {found.dimension} numbers; the index asks for row {last:,} "
                    f"of {self.dimension} numbers.",
                    COPY_AGAIN,
                )
            self._chunks[place] = found
        return found


def index_part(index: Any, place: int, path: Path) -> Shard:
    """One shard of an index that `pyarrow.ipc.open_file` opened; nothing is copied.

    Raises:
        LakeError: it is damaged, or an id has not the length of ids.
    """
    try:
        batch = index.get_batch(place)
        batch.validate(full=True)
        if any(column.null_count for column in batch.columns):
            raise pa.ArrowInvalid("a value is missing")
        ids, *numbers = batch.columns
        _, offsets, text = ids.buffers()
        ends = np.frombuffer(offsets, np.int32)[ids.offset : ids.offset + len(ids) + 1] if len(ids) else np.zeros(1)
        if (np.diff(ends) != ID_LENGTH).any():
            raise pa.ArrowInvalid(f"an id has not {ID_LENGTH} signs")
    except (OSError, pa.ArrowException) as error:
        raise LakeError(f"{path} is damaged in its part {place} ({error}).", COPY_AGAIN) from None
    flat = np.frombuffer(text, f"S{ID_LENGTH}", len(ids), int(ends[0])) if len(ids) else np.empty(0, f"S{ID_LENGTH}")
    start, size, vector = (column.to_numpy(zero_copy_only=True) for column in numbers)
    return Shard(flat, start, size, vector)
