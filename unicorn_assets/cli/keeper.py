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
from collections.abc import Callable, Iterator, Sequence
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

    def run(self) -> int:
        """Keeps it up. Returns 0 when it was asked to end, else the code of what will not stay up."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: self._stop())
        lives = 0
        while True:
            began = time.monotonic()
            child = subprocess.Popen(self._command, start_new_session=True, preexec_fn=_end_with_parent)
            why = self._watch(child)
            self._end(child)
            if self._stopping:
                return 0
            lives = lives + 1 if time.monotonic() - began < SHORT_LIFE_SECONDS else 1
            if lives == SHORT_LIVES:
                return child.returncode or 1
            self._tell(f"{why}; it is begun anew.")

    def _stop(self) -> None:
        self._stopping = True

    def _watch(self, child: "subprocess.Popen[bytes]") -> str:
        """Waits for the end, or a reason to bring it about; says which."""
        seen, last_seen = False, 0.0
        while not self._stopping:
            if child.poll() is not None:
                return f"dagster has ended with {child.returncode}"
            if any(self._parts.needed in command for _, command in _session(child.pid)):
                seen, last_seen = True, time.monotonic()
            elif seen and time.monotonic() - last_seen > MISSED_SECONDS:
                return "dagster's code server has died"
            time.sleep(POLL_SECONDS)
        return "asked to end"

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        """Ends what is left: of the server alone where it is begun anew, else of its runs too."""
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

    def _left(self, session: int) -> Iterator[int]:
        for number, command in _session(session):
            if self._stopping or any(words in command for words in self._parts.own):
                yield number


def _end_with_parent() -> None:
    prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _session(leader: int) -> Iterator[tuple[int, str]]:
    """Id and command line of each living process of a session."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[3]) == leader and fields[0] not in "ZX":
                    yield (
                        int(folder.name),
                        (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"),
                    )
            except (FileNotFoundError, ProcessLookupError):
                continue
