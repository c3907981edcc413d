"""Processes by more than their number: a number is given again once its process has ended."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

MARK = "UNICORN_VLLM_GROUP"
"""Environment variable that marks every process of a group's server."""
_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process, for good.

    Args:
        number: its process id.
        started: when it started, in clock ticks since `boot`.
        boot: id of the system's start.
    """

    number: int
    started: int
    boot: str

    @classmethod
    def of(cls, number: int) -> "Process":
        """The process that has this id now.

        Raises:
            ProcessLookupError: there is none.
        """
        status = _status(number)
        if status is None:
            raise ProcessLookupError(number)
        return cls(number, status[1], _boot())

    @property
    def lives(self) -> bool:
        """Whether it is there and has not ended."""
        status = _status(self.number)
        return status is not None and status == (status[0], self.started) and status[0] not in "ZX" and self._same_boot

    @property
    def _same_boot(self) -> bool:
        return self.boot == _boot()


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def _status(number: int) -> tuple[str, int] | None:
    """State letter and start time."""
    try:
        line = (_PROC / str(number) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = line.rpartition(")")[2].split()  # the name before it may hold anything
    return fields[0], int(fields[19])


def marked(mark: str) -> list[int]:
    """Ids of the living processes whose environment holds `MARK=mark`."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in _PROC.iterdir():
        if folder.name.isdecimal() and _holds(folder, wanted):
            found.append(int(folder.name))
    return found


def _holds(folder: Path, wanted: bytes) -> bool:
    try:
        return wanted in (folder / "environ").read_bytes().split(b"\0")
    except (PermissionError, FileNotFoundError, ProcessLookupError):
        return False


def clear(mark: str, seconds: float = 30.0) -> list[int]:
    """Kills what carries the mark, and waits until it has ended. Returns the ids."""
    killed: set[int] = set()
    deadline = time.monotonic() + seconds
    while left := marked(mark):
        for number in left:
            _kill(number, mark)
        killed.update(left)
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return sorted(killed)


def _kill(number: int, mark: str) -> None:
    """Kills the process if it carries the mark; a descriptor keeps its id from meaning another one meanwhile."""
    try:
        descriptor = os.pidfd_open(number)
    except ProcessLookupError:
        return
    try:
        if _holds(_PROC / str(number), f"{MARK}={mark}".encode()):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)
