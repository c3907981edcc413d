"""Advisory locks between processes of one machine. The system drops them when their holder dies, kill -9 included."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unicorn_assets.errors import BusyError
from unicorn_assets.lake.files import explained

POLL_SECONDS = 0.05


@contextmanager
def locked(path: Path, *, what: str, wait_seconds: float) -> Iterator[None]:
    """Holds the lock file `path` for the duration of the block.

    Args:
        path: the lock file; made if missing, and left where it is, since removing it would race.
        what: what the lock protects, for the error.
        wait_seconds: how long to wait for another holder.

    Raises:
        BusyError: another process still holds it after that time; names its process id.
        LakeError: the lock file cannot be written, or its file system knows no locks.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with explained(path):
            _acquire(descriptor, path, what, wait_seconds)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def shared(path: Path, *, what: str) -> Iterator[None]:
    """Holds the lock file `path` together with others who share it, against those who want it for themselves.

    Args:
        path: the lock file; made if missing.
        what: what the lock protects, for the error.

    Raises:
        BusyError: another process holds it for itself; names its process id.
        LakeError: the lock file cannot be written, or its file system knows no locks.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with explained(path):
            _acquire(descriptor, path, what, 0.0, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def held(path: Path) -> bool:
    """Whether somebody holds the lock file `path`. Looking makes one who takes it at that moment try once more."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _acquire(descriptor: int, path: Path, what: str, wait_seconds: float, kind: int = fcntl.LOCK_EX) -> None:
    # Once more in any case: `held` of another process takes it for a moment.
    deadline = time.monotonic() + max(wait_seconds, POLL_SECONDS)
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace") or "unknown"
                raise BusyError(
                    f"Another process (id {holder}) is working on {what}.",
                    f"wait until it has ended, or use another --home. (Lock: {path})",
                ) from None
            time.sleep(POLL_SECONDS)
