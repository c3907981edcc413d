"""All files of one table on one side of the split, in all formats that the release carries."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicorn_assets.lake.halves import Halves
from unicorn_assets.release import llava, tables, unicorn_authors, webdataset
from unicorn_assets.release.splits import Split, named


@dataclass(frozen=True)
class Rows:
    """Some rows of a table, sorted by id.

    Args:
        batch: the table's columns.
        records: the same rows as Python values.
        vectors: (rows, dimension).
    """

    batch: pa.RecordBatch
    records: list[dict[str, Any]]
    vectors: Halves

    def where(self, keep: list[int]) -> "Rows":
        """The rows at these positions."""
        if len(keep) == len(self.records):
            return self
        rows = pa.array(keep, pa.int64())  # of no rows, too, which have no type by themselves
        return Rows(self.batch.take(rows), [self.records[one] for one in keep], self.vectors[keep])


def folders(split: Split, formats: Collection[str]) -> list[str]:
    """Folders that the tables of a side need, relative to the release."""
    names = [*tables.COLUMNS]
    names += [llava.FOLDER] if "llava" in formats else []
    names += [unicorn_authors.FOLDER] if "unicorn_authors" in formats else []
    names += [f"{webdataset.FOLDER}/{table}" for table in tables.COLUMNS] if "webdataset" in formats else []
    return [named(split, name) for name in names]


class Sink:
    """Writes one table on one side: Parquet and tar a file a shard, JSON whole.

    Args:
        stack: closes what stays open over all shards.
        folder: the release; the folders below it are there.
        split: the side.
        table: the table.
        formats: what is written beside Parquet.

    Raises:
        LakeError: a file cannot be written.
    """

    def __init__(self, stack: ExitStack, folder: Path, split: Split, table: str, formats: Collection[str]) -> None:
        self._folder, self._split, self._table = folder, split, table
        self._arrays: list[llava.ArrayWriter] = []
        self._index: llava.IndexWriter | None = None
        self._tars = "webdataset" in formats
        if "llava" in formats:
            self._arrays.append(stack.enter_context(llava.ArrayWriter(self._path(llava.FOLDER, f"{table}.json"))))
            self._index = stack.enter_context(llava.IndexWriter(self._path(llava.FOLDER, llava.index_name(table))))
        if "unicorn_authors" in formats:
            path = self._path(unicorn_authors.FOLDER, unicorn_authors.RECORDS[table])
            self._arrays.append(stack.enter_context(llava.ArrayWriter(path)))
        self._ids: list[str] = []
        self._places: list[llava.Place] = []

    def _path(self, folder: str, name: str) -> Path:
        return self._folder / named(self._split, folder) / name

    @contextmanager
    def shard(self, shard: str, dimension: int) -> Iterator[None]:
        """While this is open, rows go to the files of that shard.

        Raises:
            LakeError: a file cannot be written.
        """
        with ExitStack() as stack:
            path = self._path(self._table, f"{shard}.parquet")
            self._parquet = stack.enter_context(tables.TableWriter(path, self._table, dimension))
            if self._tars:
                path = self._path(f"{webdataset.FOLDER}/{self._table}", f"{shard}.tar")
                self._tar = stack.enter_context(webdataset.TarWriter(path))
            yield

    def write(self, rows: Rows) -> None:
        """Appends rows to all files.

        Raises:
            LakeError: a file cannot be written.
        """
        self._parquet.write(rows.batch, rows.vectors)
        if self._tars:
            self._tar.write(rows.records, rows.vectors)
        records = [{key: row[key] for key in llava.RECORD} for row in rows.records] if self._arrays else []
        places = [array.write(records) for array in self._arrays]
        if self._index is not None:
            self._ids += [row["id"] for row in rows.records]
            self._places += places[0]

    def index(self, vectors: Mapping[str, int]) -> None:
        """Writes the shard's part of the index.

        Args:
            vectors: the row of each vector in the shard's file of vectors, by id.

        Raises:
            LakeError: the file cannot be written.
        """
        if self._index is not None:
            self._index.write(self._ids, self._places, [vectors[sample] for sample in self._ids])
            self._ids, self._places = [], []
