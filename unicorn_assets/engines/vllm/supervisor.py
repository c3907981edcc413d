"""The process that owns a device group's server: starts it, watches it, and stops it when nobody needs it.

`python -m unicorn_assets.engines.vllm.supervisor --home HOME --group N`, by whoever takes the first lease. It goes into
the background, does nothing where another one is at work already, and ends when no lease has been there for a while.
"""

import argparse
import logging
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from unicorn_assets.engines.vllm import guard
from unicorn_assets.engines.vllm.group import Group, State
from unicorn_assets.engines.vllm.health import Watch
from unicorn_assets.engines.vllm.leases import Wish, held_leases
from unicorn_assets.engines.vllm.plan import Plan
from unicorn_assets.engines.vllm.processes import clear
from unicorn_assets.engines.vllm.server import Server
from unicorn_assets.errors import BusyError
from unicorn_assets.lake.locks import locked
from unicorn_assets.processes import Process

POLL_SECONDS = 0.2
LOCK_WAIT_SECONDS = 2.0
RESTARTS = 3
"""Tries of a start after the server had been ready before: what it held may take a while to be free again."""
PORTS = 5
"""Tries of a start whose port was taken meanwhile."""
PAUSE_SECONDS = 5.0
"""Between two tries."""

log = logging.getLogger(__name__)


class Supervisor:
    """Keeps the server that the oldest lease wants.

    Args:
        group: the device group; its lock is held.
    """

    def __init__(self, group: Group) -> None:
        self._group = group
        self._server: Server | None = None
        before = group.state()
        self._leftover = before.guard
        self._state = State(generation=before.generation, supervisor=Process.of(os.getpid()))
        self._proven = ""  # identity of the plan that was ready last
        self._tries = 0
        self._not_before = 0.0
        self._idle_since = time.monotonic()
        self._idle_seconds = 0.0

    def run(self) -> None:
        """Works until there is nothing left to do, or SIGTERM."""
        self._tell()
        self._clear_leftovers()
        try:
            while self._step():
                time.sleep(POLL_SECONDS)
        finally:
            self._stop()

    def _clear_leftovers(self) -> None:
        """A supervisor before this one may have died; its server ends by itself, or is ended."""
        deadline = time.monotonic() + guard.GRACE_SECONDS + guard.TRACKER_SECONDS
        while self._leftover is not None and self._leftover.lives and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if killed := clear(self._group.mark):
            log.warning("killed what an earlier server left behind: %s", killed)

    def _tell(self, **changes: object) -> None:
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]
        self._group.publish(self._state)

    def _step(self) -> bool:
        """One look at leases and server; False when there is nothing left to do."""
        wishes = [wish for wish in held_leases(self._group) if not self._has_failed(wish)]
        if wishes:
            self._idle_since, self._idle_seconds = time.monotonic(), wishes[0].plan.idle_seconds
        elif self._server is None or time.monotonic() - self._idle_since > self._idle_seconds:
            log.info("nobody needs a server")
            return False
        if self._server is None:
            if time.monotonic() >= self._not_before:
                self._start(wishes[0])
        elif wishes and wishes[0].plan.identity != self._server.plan.identity:
            log.info("another server is wanted: %s", wishes[0].plan.written())
            self._stop()
        elif self._server.watch is None:
            self._await(self._server)
        else:
            self._look_after(self._server, self._server.watch, wishes[0].plan if wishes else self._server.plan)
        return True

    def _has_failed(self, wish: Wish) -> bool:
        """Whether the lease has been told that it will not be served."""
        return self._state.identity == wish.plan.identity and wish.ticket <= self._state.failed_ticket

    def _start(self, wish: Wish) -> None:
        if wish.plan.identity != self._state.identity:
            self._tries = 0
        self._tries += 1
        self._server = Server(self._group, wish.plan)
        generation = self._state.generation + 1
        log.info("start %d, process %d, port %d: %s", generation, self._server.guard.number, self._server.port, wish)
        self._tell(
            status="starting",
            generation=generation,
            identity=wish.plan.identity,
            name=self._server.name,
            port=self._server.port,
            guard=self._server.guard,
            failed_ticket=0,
        )

    def _await(self, server: Server) -> None:
        """A server that has not been ready yet."""
        if server.has_ended or time.monotonic() - server.started > server.plan.start_seconds:
            self._fail(server)
        elif server.is_ready():
            log.info("ready after %.0f s", time.monotonic() - server.started)
            self._proven, self._tries = server.plan.identity, 0
            self._tell(status="ready")

    def _fail(self, server: Server) -> None:
        ran_out = not server.has_ended
        cause, lines = server.why()
        log.warning("the start failed: %s\n%s", cause.what, lines)
        self._stop(at_once=True)
        proven = server.plan.identity == self._proven
        if not ran_out and self._tries < (PORTS if cause.port_taken else RESTARTS if proven else 1):
            self._not_before = time.monotonic() + (0 if cause.port_taken else PAUSE_SECONDS)
            return
        self._tries = 0
        self._tell(
            status="failed",
            failed_ticket=max((wish.ticket for wish in held_leases(self._group)), default=0),
            what=f"The vLLM server for {server.plan.model} did not start: {cause.what}.\n{lines}\n"
            f"  Its log: {self._group.log}",
            cure=cause.cure,
            retryable=proven,
        )

    def _look_after(self, server: Server, watch: Watch, plan: Plan) -> None:
        """A server that was ready. The plan is the oldest lease's: its times may be others than those at the start."""
        if server.has_ended:
            log.warning("the server died: %s", server.why()[0].what)
            self._stop()
        elif watch.hangs(time.monotonic(), plan.hang_seconds):
            log.warning("the server hangs; it is ended")
            self._stop(at_once=True)

    def _stop(self, *, at_once: bool = False) -> None:
        if self._server is not None:
            self._tell(status="none")
            self._server.stop(at_once=at_once)
            self._server = None
            self._tell(guard=None)


def _into_the_background() -> None:
    """Leaves the caller with a child that has ended, so that it need not wait for this one."""
    if os.fork() != 0:
        os._exit(0)


def _ended(signum: int, frame: object) -> None:
    raise SystemExit(0)


def main(arguments: list[str]) -> None:
    """Supervises, unless somebody else does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--group", type=int, required=True)
    given = parser.parse_args(arguments)
    _into_the_background()
    group = Group(given.home, given.group)
    signal.signal(signal.SIGTERM, _ended)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(message)s")
    try:
        with locked(group.lock, what=f"the server of {group.folder}", wait_seconds=LOCK_WAIT_SECONDS):
            Supervisor(group).run()
    except BusyError:
        pass
    except Exception:
        log.exception("the supervisor failed")
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
