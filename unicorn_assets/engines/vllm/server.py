"""One server process under its guard, from the supervisor's side: started, looked after, ended."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time

from unicorn_assets.engines.vllm import causes, guard, health
from unicorn_assets.engines.vllm.group import Group
from unicorn_assets.engines.vllm.plan import Plan
from unicorn_assets.engines.vllm.processes import clear
from unicorn_assets.processes import Process

LARGEST_LOG = 64 << 20
"""Bytes from which on a start begins a new log; the one before is kept beside it."""
STOP_SECONDS = guard.GRACE_SECONDS + guard.TRACKER_SECONDS + 5.0


def reserved_port() -> socket.socket:
    """A port of loopback that was free, kept by a socket that does not listen.

    While it is kept, the system gives it to nobody who asks for any port, and refuses it to those who ask for this one,
    unless they allow it to be shared as vLLM does.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    return keeper


class Server:
    """A started server.

    Args:
        group: whose server it is.
        plan: what it is to be.
    """

    def __init__(self, group: Group, plan: Plan) -> None:
        self.group = group
        self.plan = plan
        self.name = f"unicorn-{secrets.token_hex(6)}"
        self.started = time.monotonic()
        self._keeper = reserved_port()
        self.port: int = self._keeper.getsockname()[1]
        if causes.size(group.log) > LARGEST_LOG:
            group.log.replace(group.log.with_suffix(".log.1"))
        self._offset = causes.size(group.log)
        with group.log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", guard.__file__, str(os.getpid()), *plan.command(self.port, self.name)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=group.folder,
                env=plan.environment(group.mark),
                start_new_session=True,
            )
        self.guard = Process.of(self._guard.pid)
        self.watch: health.Watch | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._guard.poll() is not None

    def is_ready(self) -> bool:
        """Whether it is healthy; it is watched from then on."""
        if not health.is_ready(self.port, self.name):
            return False
        self.watch = health.Watch(self.port, self.name, time.monotonic())
        return True

    def why(self) -> tuple[causes.Cause, str]:
        """Why it did not start, and the last lines of its log."""
        code = self._guard.poll()
        if code is None:
            ended = f"was not healthy within {self.plan.start_seconds:.0f} s (vllm.start_seconds in settings.toml)"
        elif code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            ended = "was killed, maybe by the system for want of memory"
        else:
            ended = f"ended with exit code {code}"
        return causes.explained(self.group.log, self._offset, ended, python=self.plan.python, model=self.plan.model)

    def stop(self, *, at_once: bool = False) -> None:
        """Ends it with all its processes, and gives its port back.

        Args:
            at_once: whether it is not asked to end first.
        """
        if self._guard.poll() is None:
            self._guard.send_signal(signal.SIGINT if at_once else signal.SIGTERM)
            try:
                self._guard.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._guard.kill()
                self._guard.wait()
        clear(self.group.mark)
        self._keeper.close()
