"""The processes of a group's server, found by a mark in their environment, and their end."""

import os
import signal
import time
from pathlib import Path

MARK = "UNICORN_VLLM_GROUP"
"""Environment variable that marks every process of a group's server."""
_PROC = Path("/proc")


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
