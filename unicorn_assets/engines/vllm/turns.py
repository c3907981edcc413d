"""Who may ask the server: many together, or one alone who finds out which row kills it.

Two locks between processes. Whoever wants to be alone holds `turn` while those in `room` leave, so that nobody new
goes in before them.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unicorn_assets.lake.files import explained
from unicorn_assets.lake.locks import held

POLL_SECONDS = 0.05


class Turns:
    """The two locks of one group.

    Args:
        folder: the group's.
    """

    def __init__(self, folder: Path) -> None:
        self._turn = folder / "turn.lock"
        self._room = folder / "room.lock"

    @contextmanager
    def together(self) -> Iterator[None]:
        """Holds a place among others."""
        with _held(self._turn, fcntl.LOCK_SH):
            room = _opened(self._room)
            fcntl.flock(room, fcntl.LOCK_SH)
        try:
            yield
        finally:
            os.close(room)

    @contextmanager
    def alone(self, wait_seconds: float) -> Iterator[bool]:
        """Waits until all others are out, or that time has passed; says whether they are."""
        with _held(self._turn, fcntl.LOCK_EX):
            room = _opened(self._room)
            try:
                yield _locked_within(room, wait_seconds)
            finally:
                os.close(room)

    def wanted(self) -> bool:
        """Whether somebody wants to be alone, so that those together should finish and come back later."""
        return held(self._turn)


def _opened(path: Path) -> int:
    with explained(path):
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


@contextmanager
def _held(path: Path, kind: int) -> Iterator[None]:
    descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _locked_within(descriptor: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
