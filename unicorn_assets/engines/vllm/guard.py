"""Holds a server's processes, and ends with them or with who started it. A script of its own; needs nothing but Python.

A vLLM server is several processes, and those that hold the device live on when the first one is killed. The guard
adopts every orphan among its descendants (PR_SET_CHILD_SUBREAPER), so none can get away, and is told by the system when
its parent dies (PR_SET_PDEATHSIG), kill -9 included.

    guard.py PARENT_ID COMMAND…

SIGTERM: asks the command to end, then kills what is left. SIGINT: kills at once. Ends as the command did.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 10.0
TRACKER_SECONDS = 3.0
"""A resource tracker removes the shared memory of the dead and ends by itself; killed, it leaves it behind."""
NOT_STARTED = 127
_LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """The system call.

    Raises:
        OSError: the system refuses.
    """
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def children() -> list[int]:
    """Ids of the guard's own children; none can mean another process, as long as it has not been waited for."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123 - the script starts lean
        return [int(number) for number in file.read().split()]


def is_tracker(number: int) -> bool:
    """Whether a child is Python's resource tracker."""
    with contextlib.suppress(OSError), open(f"/proc/{number}/cmdline", "rb") as file:  # noqa: PTH123
        return b"resource_tracker" in file.read()
    return False


def kill_all() -> None:
    """Kills all descendants: each generation becomes the guard's children when its parents are gone."""
    patience = time.monotonic() + TRACKER_SECONDS
    while left := children():
        late = time.monotonic() > patience
        for number in left:
            if late or not is_tracker(number):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
        reap()
        time.sleep(0.02)


def reap() -> dict[int, int]:
    """Waits for the children that have ended; their ids with their exit codes, negative for a signal."""
    ended = {}
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended[found[0]] = os.waitstatus_to_exitcode(found[1])
    return ended


def started(command: list[str]) -> "subprocess.Popen[bytes]":
    """Starts the command, which dies with the guard."""

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    return subprocess.Popen(command, preexec_fn=prepare)


def main(arguments: list[str]) -> int:
    """Runs the command; returns its exit code, 128 and the signal where one ended it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(arguments[0]):  # it died before the line above
        return NOT_STARTED
    try:
        command = started(arguments[1:])
    except OSError as error:
        print(f"{arguments[1]} cannot be executed: {error.strerror}", file=sys.stderr)
        return NOT_STARTED
    deadline = None
    while True:
        code = reap().get(command.pid)
        if code is not None or (deadline is not None and time.monotonic() > deadline):
            break
        told = signal.sigtimedwait({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}, 0.5)
        if told is not None and told.si_signo == signal.SIGINT:
            break
        if told is not None and told.si_signo == signal.SIGTERM and deadline is None:
            deadline = time.monotonic() + GRACE_SECONDS
            os.kill(command.pid, signal.SIGTERM)
    kill_all()
    return NOT_STARTED if code is None else 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
