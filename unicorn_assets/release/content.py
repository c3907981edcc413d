"""Whether the rows of a release are what they should be: counts, ids, joins, norms and splits, streamed.

Every fault is named with its file and row; the first of a kind in a file in full, the others counted.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import ID_LENGTH, shard_name, shard_number
from unicorn_assets.lake.halves import Halves
from unicorn_assets.lake.vectors import UNIT_TOLERANCE, vector_batches
from unicorn_assets.release import copies, tables
from unicorn_assets.release.copies import MismatchError
from unicorn_assets.release.faults import AGAIN, COPY, Fault, Tally
from unicorn_assets.release.manifest import FILE, Manifest
from unicorn_assets.release.rows import Chunks
from unicorn_assets.release.splits import split_of
from unicorn_assets.release.tables import EMBEDDINGS

_ID = f"^[0-9a-f]{{{ID_LENGTH}}}$"


@dataclass
class _Shard:
    """The vectors of one shard.

    Args:
        name: the shard.
        ids: (vectors,) of `S20`.
        chunks: the vectors.
        used: (vectors,) whether some table has the sample.
        captions: (vectors,) hash of the caption that a table gives the sample, 0 where none does yet.
    """

    name: str
    ids: NDArray[np.bytes_]
    chunks: Chunks
    used: NDArray[np.bool_]
    captions: NDArray[np.int64]


class Content:
    """Looks through the data files of a release, a shard at a time and a batch of its rows at a time."""

    def __init__(self, folder: Path, facts: Manifest) -> None:
        self._folder, self._facts = folder, facts
        self._shards = facts.partitions
        self._unit = facts.unit
        self._dimension = facts.dimension
        self._tables = [name for name in facts.tables if name != EMBEDDINGS]

    def faults(self, progress: Callable[[int, int], None]) -> Iterator[Fault]:
        """All that is wrong; `progress` is told how many of how many shards are looked through."""
        names = list(self._facts.tables[EMBEDDINGS].shards)
        with ExitStack() as stack:
            others = {table: copies.opened(self._folder, table, self._facts.formats, stack) for table in self._tables}
            for done, name in enumerate(names, start=1):
                yield from self._shard(name, others)
                progress(done, len(names))
            for standing in others.values():
                for copy in list(standing):
                    yield from _asked(copy.end, standing, copy)

    def _shard(self, name: str, others: dict[str, list[copies.Copy]]) -> Iterator[Fault]:
        path = self._folder / EMBEDDINGS / f"{name}.arrow"
        try:
            shard, found = self._vectors(path, name)
        except LakeError as error:
            yield Fault(error.what, COPY)
            for standing in others.values():
                standing.clear()  # they would be out of step from here on
            return
        yield from found
        for table in self._tables:
            yield from self._table(table, shard, others[table])
        unused = np.flatnonzero(~shard.used)
        if unused.size:
            tally = Tally()
            what = f"{path}, row {unused[0]} (id {_text(shard.ids[unused[0]])}): no table has a row of that id"
            tally.add("unused", what, len(unused))
            yield from tally.faults()

    def _vectors(self, path: Path, name: str) -> tuple[_Shard, list[Fault]]:
        """A shard's vectors, and what is wrong with them.

        Raises:
            LakeError: the file cannot be read, or its vectors have another length.
        """
        tally, first = Tally(), 0
        parts: list[NDArray[np.bytes_]] = []
        chunks = Chunks(path)
        if chunks.dimension != self._dimension:
            raise LakeError(f"{path} has vectors of {chunks.dimension} numbers instead of {self._dimension}.", COPY)
        for ids, vectors in vector_batches(path):
            parts.append(self._ids(tally, path, name, first, ids, parts[-1] if parts else None))
            self._norms(tally, path, first, parts[-1], vectors)
            first += len(ids)
        self._counted(tally, path, EMBEDDINGS, name, first)
        known = np.concatenate([np.empty(0, f"S{ID_LENGTH}"), *parts])
        shard = _Shard(name, known, chunks, np.zeros(first, bool), np.zeros(first, np.int64))
        return shard, list(tally.faults())

    def _norms(self, tally: Tally, path: Path, first: int, ids: NDArray[np.bytes_], vectors: Halves) -> None:
        with np.errstate(invalid="ignore"):
            norms = np.linalg.norm(vectors.astype(np.float32), axis=1)
        for row in np.flatnonzero(~np.isfinite(norms)):
            tally.add("finite", f"{path}, row {first + row} (id {_text(ids[row])}): the vector is not finite")
        if self._unit:
            for row in np.flatnonzero(np.abs(norms - 1) > UNIT_TOLERANCE):
                what = f"the vector has the length {norms[row]:.4f} instead of 1"
                tally.add("norm", f"{path}, row {first + row} (id {_text(ids[row])}): {what}")

    def _ids(
        self, tally: Tally, path: Path, shard: str, first: int, ids: Any, before: NDArray[np.bytes_] | None
    ) -> NDArray[np.bytes_]:
        """The ids as an array of `S20`, what is no id as nothing; adds what is wrong with them."""
        good = pc.fill_null(pc.match_substring_regex(ids, _ID), False).to_numpy(zero_copy_only=False)
        names = ids.to_pylist()
        for row in np.flatnonzero(~good):
            tally.add("id", f"{path}, row {first + row}: {names[row]!r} is no id")
        found = np.array([name if right else "" for name, right in zip(names, good, strict=True)], f"S{ID_LENGTH}")
        last = before[-1:] if before is not None else np.array([b""], f"S{ID_LENGTH}")
        for row in np.flatnonzero(good & (found <= np.concatenate([last, found[:-1]]))):
            what = "it comes again, or not in the order of the ids"
            tally.add("order", f"{path}, row {first + row} (id {names[row]}): {what}")
        for row in np.flatnonzero(good):
            home = shard_name(shard_number(names[row], self._shards))
            if home != shard:
                tally.add("shard", f"{path}, row {first + row} (id {names[row]}): it belongs to {home}")
        return found

    def _counted(self, tally: Tally, path: Path, table: str, shard: str, rows: int) -> None:
        expected = self._facts.tables[table].shards.get(shard, 0)
        if rows != expected:
            tally.add("count", f"{path} has {rows:,} rows; {FILE} says {expected:,}")

    def _table(self, table: str, shard: _Shard, others: list[copies.Copy]) -> Iterator[Fault]:
        path = self._folder / table / f"{shard.name}.parquet"
        columns = tables.COLUMNS[table.rpartition("/")[2]].append(
            pa.field("image_embedding", pa.list_(pa.float16(), self._dimension))
        )
        tally, first = Tally(), 0
        before: NDArray[np.bytes_] | None = None
        try:
            for copy in list(others):
                yield from _asked(partial(copy.begin, shard.name), others, copy)
            for batch in tables.batches(path, columns):
                part = self._rows(tally, path, table, shard, first, batch, before)
                before = part.ids if len(part.ids) else before
                for copy in list(others):
                    yield from _asked(partial(copy.compare, part), others, copy)
                first += len(part.ids)
            for copy in list(others):
                yield from _asked(copy.finish, others, copy)
        except (LakeError, OSError, ValueError, pa.ArrowException) as error:
            yield from tally.faults()
            yield Fault(error.what if isinstance(error, LakeError) else f"{path} cannot be read: {error}.", COPY)
            others.clear()  # they would be out of step from here on
            return
        self._counted(tally, path, table, shard.name, first)
        yield from tally.faults()

    def _rows(
        self,
        tally: Tally,
        path: Path,
        table: str,
        shard: _Shard,
        first: int,
        batch: pa.RecordBatch,
        before: NDArray[np.bytes_] | None,
    ) -> copies.Part:
        """Joins some rows to their vectors; adds what is wrong with them.

        Raises:
            LakeError: a row has nothing in one of its columns.
        """
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if column.null_count:
                row = first + column.is_null().to_pylist().index(True)
                raise LakeError(f"{path}, row {row}: it has no {name}.", COPY)
        ids = self._ids(tally, path, shard.name, first, batch.column("id"), before)
        flat = batch.column("image_embedding").flatten()
        vectors = flat.to_numpy(zero_copy_only=False).reshape(-1, self._dimension)
        records = batch.drop_columns("image_embedding").to_pylist()
        places = np.searchsorted(shard.ids, ids)
        side = table.rpartition("/")[0] or "train"
        for row, (place, sample) in enumerate(zip(places.tolist(), ids, strict=True)):
            where = f"{path}, row {first + row} (id {_text(sample)})"
            if place == len(shard.ids) or shard.ids[place] != sample:
                tally.add("join", f"{where}: {EMBEDDINGS}/{shard.name}.arrow has no vector of that id")
                continue
            shard.used[place] = True
            if not np.array_equal(shard.chunks[place], vectors[row]):
                tally.add("vector", f"{where}: its vector is not the one in {EMBEDDINGS}/{shard.name}.arrow")
            said = hash(records[row]["caption"])
            if shard.captions[place] not in (0, said):
                tally.add("caption", f"{where}: another table gives that id another caption")
            shard.captions[place] = said
            drawn = split_of(_text(sample), self._facts.validation)
            if drawn != side:
                tally.add("split", f"{where}: its seed is drawn for {drawn}, and it stands in {side}")
        return copies.Part(first, ids, records, vectors, places)


def _asked(look: Callable[[], None], standing: list[copies.Copy], copy: copies.Copy) -> Iterator[Fault]:
    """What a copy of the rows has to say; after its first fault it is out of step and not asked again."""
    try:
        look()
    except MismatchError as wrong:
        yield Fault(str(wrong), AGAIN)
        standing.remove(copy)
    except OSError as error:
        yield Fault(f"{copy.path} cannot be read: {error.strerror}.", COPY)
        standing.remove(copy)


def _text(sample: bytes) -> str:
    return bytes(sample).decode()
