"""Files that appear whole or not at all: temporary names, fsync, rename; and what the system's refusals mean."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from unicorn_assets.errors import LakeError

TEMPORARY = ".tmp"

_CURES = {
    errno.ENOSPC: "the disk is full; free some space and run again, what is finished is kept.",
    errno.EDQUOT: "the disk quota is used up; free some space and run again, what is finished is kept.",
    errno.EFBIG: "a file may not grow so large here; raise the limit (`ulimit -f`) and run again.",
    errno.EROFS: "the file system is read-only; use another --home or mount it writable.",
    errno.EACCES: "you may not write there; use another --home or change the permissions.",
    errno.EPERM: "you may not write there; use another --home or change the permissions.",
    errno.ENOTDIR: "a file stands where a folder is needed; move it away or use another --home.",
    errno.EEXIST: "a file stands where a folder is needed; move it away or use another --home.",
    errno.EISDIR: "a folder stands where a file is needed; move it away or use another --home.",
}
_CURE = "see that the folder can be written and that its disk is in order, or use another --home."


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the system's refusals while `path` is being written into errors that a person can act on.

    Raises:
        LakeError: names the file and the cure.
    """
    try:
        yield
    except OSError as error:
        # pyarrow puts a text of its own where the system's should be
        reason = os.strerror(error.errno) if error.errno else str(error)
        draft = str(error.filename or TEMPORARY).endswith(TEMPORARY)
        where = path if draft else error.filename
        raise LakeError(f"{where} cannot be written: {reason}.", _CURES.get(error.errno or 0, _CURE)) from error


def temporary(path: Path) -> Path:
    """Where `path` is written before it gets its name: beside it, hidden, the writer's own."""
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def publish(source: Path, target: Path) -> None:
    """Gives a finished file its name, safe from a power cut once `sync_folder` has run."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A draft that takes the name of `path` when the block is through, and is removed when it fails.

    Raises:
        LakeError: it cannot be written.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = temporary(path)
        try:
            yield draft
            publish(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_whole(path: Path, text: str) -> None:
    """Writes a small text file so that it is there whole or not at all.

    Raises:
        LakeError: it cannot be written.
    """
    with whole(path) as draft:
        draft.write_text(text, encoding="utf-8")


def linked(source: Path, target: Path) -> None:
    """Gives a file that is never written to again a second name, or a copy where the file system knows no links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_sha256(path: Path) -> str:
    """The same, read once as long as time, size and inode stay: a schedule asks every few minutes."""
    status = path.stat()
    return _sha256_in(path, status.st_mtime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=2**17)
def _sha256_in(path: Path, *state: int) -> str:
    del state
    return sha256(path)


def clear_leftovers(folder: Path, name: str) -> None:
    """Removes what a killed writer of `name` left behind, folders too. The caller holds the lock on `name`."""
    for leftover in folder.glob(f".{name}.*{TEMPORARY}"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)
