"""Processes by more than their number: a number is given again once its process has ended."""

import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")


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
    def of(cls, number: int) -> Self:
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

    @property
    def memory(self) -> int:
        """Bytes of memory of its own, without pages of mapped files; 0 once it has ended."""
        try:
            _, resident, mapped, *_ = (_PROC / str(self.number) / "statm").read_text().split()
            return (int(resident) - int(mapped)) * _PAGE
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return 0

    def signal(self, number: int) -> None:
        """Sends a signal to this process and to no other one that has been given its id; nothing once it has ended."""
        try:
            descriptor = os.pidfd_open(self.number)
        except ProcessLookupError:
            return
        try:
            if self.lives:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)

    def written(self) -> str:
        """As text that names the host too."""
        return f"{socket.gethostname()} {self.boot} {self.number} {self.started}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The process of such a text, None where it belongs to another host and cannot be judged from here.

        Raises:
            ValueError: it is no such text.
        """
        host, boot, number, started = text.split(" ")
        return cls(int(number), int(started), boot) if host == socket.gethostname() else None


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
