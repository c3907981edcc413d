"""An append-only file of records, each with length and checksum: what is appended outlives kill -9 at once.

A power cut costs at most the last second: a thread of the journal's own makes what was appended durable. Of a damaged
file every good record is kept. What a record says is not known here.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.engines.records import MAGIC, Record, next_record, packed, record_at
from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained, sync_folder

COMMIT_SECONDS = 0.5
"""Time from an append to the fsync that covers it; the rest of the promised second is for the fsync itself."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Damage:
    """A stretch of the file between good records that cannot be read any more."""

    offset: int
    size: int


@contextmanager
def _read(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"{path} cannot be read: {error.strerror}.",
            "check its permissions and the disk, or restore it from a backup.",
        ) from error


class Journal:
    """The records of one file. One process writes it at a time, which the caller sees to, from one thread.

    Args:
        path: the file; made at the first append, in a folder that is there.
        found: told key and offset of each good record, in the order of the file.
        writable: whether records will be appended. If so, a torn end is cut off. A reader takes the file as it is
            and need not care for a living writer.

    Attributes:
        recovered_bytes: length of the torn end, left by a kill or a power cut, that was not kept.
        damage: what is unreadable between good records.

    Raises:
        LakeError: the file cannot be opened, or is something else.
    """

    def __init__(self, path: Path, found: Callable[[bytes, int], object], *, writable: bool) -> None:
        self.path = path
        self.recovered_bytes = 0
        self.damage: list[Damage] = []
        self._writable = writable
        self._descriptor: int | None = None
        self._end = 0
        self._durable = 0  # the end as it was before the last fsync
        self._failed: OSError | None = None
        self._unsafe = threading.Event()  # something was appended that no fsync has covered yet
        self._closing = threading.Event()
        self._committer: threading.Thread | None = None
        with explained(path) if writable else _read(path):
            with suppress(FileNotFoundError):
                self._descriptor = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
            if self._descriptor is not None:
                try:
                    self._recover(self._descriptor, found)
                except BaseException:
                    os.close(self._descriptor)
                    raise

    @property
    def end(self) -> int:
        """Offset of the next record."""
        return self._end

    def _recover(self, descriptor: int, found: Callable[[bytes, int], object]) -> None:
        size = os.fstat(descriptor).st_size
        offset = 0
        while offset < size:
            record = record_at(descriptor, offset, size)
            if record is not None:
                found(record.key, offset)
                offset = self._end = offset + record.size
                continue
            offset = next_record(descriptor, offset + 1, size)
            if offset < size:
                self._note_damage(Damage(self._end, offset - self._end))
        self.recovered_bytes = size - self._end
        if self.recovered_bytes and self._end == 0:
            self._refuse_foreign(descriptor)
        if self._writable and size:
            os.ftruncate(descriptor, self._end)
            os.fsync(descriptor)  # whoever was killed may not have come to it
        self._durable = self._end

    def _note_damage(self, damage: Damage) -> None:
        self.damage.append(damage)
        log.warning(
            "%s is damaged: %d bytes from byte %d on cannot be read. All other answers are kept; those in there are "
            "asked for again. Check the disk.",
            self.path,
            damage.size,
            damage.offset,
        )

    def _refuse_foreign(self, descriptor: int) -> None:
        """Keeps a file that never was a journal from being cut to nothing. A power cut may leave zeros."""
        start = os.pread(descriptor, len(MAGIC), 0)
        if not MAGIC.startswith(start) and start.strip(b"\0"):
            raise LakeError(f"{self.path} is no journal of answers that this version can read.", "move it away.")

    def append(self, key: bytes, payload: bytes) -> int:
        """Adds a record and returns its offset. When this returns, kill -9 cannot undo it.

        Args:
            key: 16 bytes.
            payload: UTF-8 (surrogates may stand in it), below 4 GiB.

        Raises:
            LakeError: it cannot be written, or earlier records cannot be made durable. All of them stay readable.
        """
        if self._closing.is_set():
            raise ValueError(f"{self.path} is closed")
        self._raise_failure()
        record = packed(key, payload)
        offset = self._end
        with explained(self.path):
            descriptor = self._descriptor if self._descriptor is not None else self._create()
            try:
                self._write(descriptor, record)
            except OSError:
                # Should this fail too, the next append writes over the torn record, and the next opening cuts it off.
                with suppress(OSError):
                    os.ftruncate(descriptor, offset)
                raise
        self._end = offset + len(record)
        self._unsafe.set()
        return offset

    def _create(self) -> int:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        sync_folder(self.path.parent)
        return self._descriptor

    def _write(self, descriptor: int, record: bytes) -> None:
        if self._committer is None:
            self._committer = threading.Thread(target=self._commit, name=f"commit {self.path.name}", daemon=True)
            self._committer.start()
        written = os.pwrite(descriptor, record, self._end)
        while written < len(record):
            written += os.pwrite(descriptor, memoryview(record)[written:], self._end + written)

    def read(self, offset: int) -> Record:
        """The record at an offset that `append` or `found` gave.

        Raises:
            LakeError: it cannot be read any more.
        """
        with _read(self.path):
            record = None if self._descriptor is None else record_at(self._descriptor, offset, self._end)
        if record is None:
            raise LakeError(
                f"{self.path} is damaged at byte {offset}.", "run again: what cannot be read is asked for once more."
            )
        return record

    def _commit(self) -> None:
        # Asked in each round: where closing begins between the wait and the fsync, the fsync clears its wake-up.
        while not self._closing.is_set():
            self._unsafe.wait()
            if self._closing.wait(COMMIT_SECONDS):
                return
            self._fsync()

    def _fsync(self) -> None:
        self._unsafe.clear()  # before the fsync: what is appended while it runs needs another one
        end = self._end
        try:
            if self._descriptor is not None:
                os.fsync(self._descriptor)
                self._durable = end
        except OSError as error:
            # The system may have dropped what it could not write, so a second fsync that succeeds would prove nothing.
            self._failed = error

    def _raise_failure(self) -> None:
        if self._failed is not None:
            with explained(self.path):
                raise self._failed

    def sync(self) -> None:
        """Makes all records safe from a power cut, now.

        Raises:
            LakeError: the system refuses.
        """
        if self._durable < self._end:
            self._fsync()
        self._raise_failure()

    def remove(self) -> None:
        """Closes the journal and deletes its file: all it said stands elsewhere, durably."""
        self._release()
        with explained(self.path):
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)

    def close(self) -> None:
        """Makes all records durable and closes the file.

        Raises:
            LakeError: they cannot be made durable.
        """
        try:
            self.sync()
        finally:
            self._release()

    def _release(self) -> None:
        self._closing.set()
        self._unsafe.set()
        if self._committer is not None:
            self._committer.join()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._unsafe.clear()
