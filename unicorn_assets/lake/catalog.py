"""The DuckDB catalog: derived from sidecars and lake, one writer or many readers, rebuilt whenever it is missing.

A step leaves a mark before it publishes a shard. Whoever gets the lock soon takes all marked shards in, in one short
transaction; whoever does not, leaves its mark to the next. So no step waits for a reader, and nothing is forgotten: a
mark goes only once a sidecar that is not older than the mark has been taken in. A damaged shard stays out, and its mark
stays, until it has been made again.
"""

import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from unicorn_assets.errors import BusyError, LakeError
from unicorn_assets.lake import tables, views
from unicorn_assets.lake.files import explained
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.locks import locked

READER_WAIT_SECONDS = 30.0
SHARDS_AT_A_TIME = 500
"""Bounds the memory of a rebuild."""


@dataclass(frozen=True)
class Catalog:
    """The catalog of a lake.

    Args:
        path: the DuckDB file, in the folder HOME.
        lake: the lake it is derived from.
        pending: folder of the marks.
        lock: lock file of whoever writes or copies the catalog.
    """

    path: Path
    lake: Lake
    pending: Path
    lock: Path

    def mark(self, stage: str, shard: str) -> None:
        """Notes that a shard is about to change. Every mark has a name of its own, so that a newer one is never lost.

        Raises:
            LakeError: it cannot be written.
        """
        self._mark(stage, shard)

    def _mark(self, stage: str, shard: str) -> Path:
        path = self.pending / f"{stage}.{shard}.{time.time_ns()}"
        with explained(path):
            self.pending.mkdir(parents=True, exist_ok=True)
            path.touch()
        return path

    def waiting(self) -> int:
        """How many marks have not been taken in yet."""
        return len(self._marks())

    def catch_up(self, *, wait_seconds: float) -> bool:
        """Takes all marked shards in; False where another process kept the lock that long, and will do or leave it.

        Raises:
            LakeError: the catalog cannot be written.
        """
        if self.path.is_file() and not self._marks():
            return True
        try:
            with self._locked(wait_seconds):
                self._take_in(views_anew=False)
        except BusyError:
            return False
        return True

    def rebuild(self) -> None:
        """Makes the catalog anew from the sidecars and the lake. Nothing is lost by it.

        Raises:
            BusyError: another process keeps the catalog locked.
            LakeError: the catalog cannot be written.
        """
        with self._locked(READER_WAIT_SECONDS):
            self._begin_anew()
            self._take_in(views_anew=True)

    @contextmanager
    def snapshot(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a private copy, complete as of now; open as long as one likes, blocking nobody.

        Raises:
            BusyError: another process keeps the catalog locked.
            LakeError: the catalog or its copy cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="unicorn-catalog-") as folder:
            copy = Path(folder) / self.path.name
            with self._locked(READER_WAIT_SECONDS):
                self._take_in(views_anew=True)
                with explained(copy):
                    shutil.copyfile(self.path, copy)
            with closing(duckdb.connect(str(copy), read_only=True)) as connection:
                yield connection

    def _locked(self, wait_seconds: float) -> AbstractContextManager[None]:
        return locked(self.lock, what="the catalog", wait_seconds=wait_seconds)

    def _marks(self) -> list[Path]:
        return sorted(self.pending.glob("*.*.*"))

    def _take_in(self, *, views_anew: bool) -> None:
        if not self.path.is_file():
            self._begin_anew()
        try:
            self._write(views_anew)
        except duckdb.Error:
            # Not a catalog that this version can read. It is derived, so it is made anew.
            self._begin_anew()
            try:
                self._write(views_anew)
            except duckdb.Error as error:
                raise LakeError(
                    f"The catalog {self.path} cannot be written: {str(error).splitlines()[0]}.",
                    "see that disk and memory are not full and run again; what is finished is kept.",
                ) from None

    def _write(self, views_anew: bool) -> None:
        marked: defaultdict[tables.Shard, list[Path]] = defaultdict(list)
        for mark in self._marks():
            stage, shard, *_ = mark.name.split(".")
            marked[stage, shard].append(mark)
        done: list[Path] = []
        fresh = not self.path.is_file()
        with explained(self.path), closing(duckdb.connect(str(self.path))) as connection:
            connection.execute("BEGIN")
            if fresh:
                tables.create(connection)
            elif not tables.current(connection):
                raise duckdb.CatalogException(f"{self.path} holds other tables")
            shards = list(marked)
            for start in range(0, len(shards), SHARDS_AT_A_TIME):
                written = tables.replace(connection, self.lake, shards[start : start + SHARDS_AT_A_TIME])
                done += [mark for one in written for mark in marked[one] if mark.stat().st_mtime_ns <= written[one]]
            connection.execute("COMMIT")
            views.create(connection, self.lake, self.path.parent, anew=views_anew)
            connection.execute("CHECKPOINT")  # closing would do it too, but in silence where it fails
        for mark in done:
            mark.unlink(missing_ok=True)

    def _begin_anew(self) -> None:
        """Removes the catalog and marks every shard, with marks so old that any sidecar will do."""
        with explained(self.path):
            self.path.unlink(missing_ok=True)
            self.path.with_name(f"{self.path.name}.wal").unlink(missing_ok=True)
        for path in self.lake.root.glob("*/*.json"):
            os.utime(self._mark(path.parent.name, path.stem), (0, 0))
