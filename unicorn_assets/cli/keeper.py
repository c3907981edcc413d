"""Keeps a server of several processes up: begun anew when it, or a process that it cannot do without, has died.

`dagster dev` ends when its daemon dies, and goes on in vain when its code server does. Runs are processes of their own:
they go on over a new beginning. At the end nothing is left; a run that was on is ended as by a kill, so that the next
start takes it up again.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.engines.vllm.guard import PR_SET_PDEATHSIG, prctl

POLL_SECONDS = 0.5
MISSED_SECONDS = 5.0
"""So long a process may be missing: servers replace one another."""
STOP_SECONDS = 20.0
SHORT_LIFE_SECONDS = 60.0
SHORT_LIVES = 3
"""So many short lives in a row are no accident."""


@dataclass(frozen=True)
class Parts:
    """How the processes of the server are told by their command lines.

    Args:
        needed: words of the one that the server cannot do without.
        own: words of all that belong to the server; the others of its session are runs.
    """

    needed: str
    own: Sequence[str]


class Keeper:
    """Runs a command until SIGINT or SIGTERM.

    Args:
        command: what is run, in a session of its own.
        parts: how its processes are told.
        tell: hears of each new beginning.
    """

    def __init__(self, command: Sequence[str], parts: Parts, tell: Callable[[str], None]) -> None:
        self._command, self._parts, self._tell = list(command), parts, tell
        self._stopping = False
        self._sessions: set[int] = set()  # those begun that have processes left

    def run(self) -> int:
        """Keeps it up. Returns 0 when it was asked to end, else the code of what will not stay up."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: self._stop())
        lives = 0
        while True:
            began = time.monotonic()
            child = subprocess.Popen(self._command, start_new_session=True, preexec_fn=_end_with_parent)
            self._sessions.add(child.pid)
            why = self._watch(child)
            self._end(child)
            lives = lives + 1 if time.monotonic() - began < SHORT_LIFE_SECONDS else 1
            if self._stopping or lives == SHORT_LIVES:
                code = 0 if self._stopping else child.returncode or 1
                self._stopping = True
                self._end(child)  # what an end for the sake of a new beginning has left
                return code
            self._tell(f"{why}; it is begun anew.")

    def _stop(self) -> None:
        self._stopping = True

    def _watch(self, child: "subprocess.Popen[bytes]") -> str:
        """Waits for the end, or a reason to bring it about; says which."""
        seen, last_seen = False, 0.0
        while not self._stopping:
            if child.poll() is not None:
                return f"dagster has ended with {child.returncode}"
            living = list(_processes(self._sessions))
            # An empty session is forgotten at once: its number may come to mean another one.
            self._sessions = {session for _, session, _ in living} | {child.pid}
            if any(self._parts.needed in command for _, session, command in living if session == child.pid):
                seen, last_seen = True, time.monotonic()
            elif seen and time.monotonic() - last_seen > MISSED_SECONDS:
                return "dagster's code server has died"
            time.sleep(POLL_SECONDS)
        return "asked to end"

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        """Ends what is left: of the server alone where it is begun anew, else of all its runs, of earlier lives too."""
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        while (left := list(self._left(child.pid))) and time.monotonic() < deadline:
            for number in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            child.poll()
            time.sleep(0.05)
        child.wait()

    def _left(self, current: int) -> Iterator[int]:
        for number, session, command in _processes(self._sessions):
            own = session == current and any(words in command for words in self._parts.own)
            if self._stopping or own:
                yield number


def _end_with_parent() -> None:
    prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _processes(sessions: Collection[int]) -> Iterator[tuple[int, int, str]]:
    """Id, session and command line of each living process of some sessions."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                session = int(fields[3])
                if session in sessions and fields[0] not in "ZX":
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    yield int(folder.name), session, command
            except (FileNotFoundError, ProcessLookupError):
                continue
