"""A lease from its holder's side: waiting until the server stands, and noticing when it no longer does."""

import logging
import subprocess
import sys
import time
from pathlib import Path

from unicorn_assets.engines.vllm.group import Group, State
from unicorn_assets.engines.vllm.health import is_ready
from unicorn_assets.engines.vllm.leases import Lease, has_turn, held_leases, take
from unicorn_assets.engines.vllm.plan import Plan
from unicorn_assets.errors import EngineDownError, EngineError
from unicorn_assets.lake.locks import held

POLL_SECONDS = 0.1
LOG_SECONDS = 10.0
"""Least time between two messages about waiting."""
SPAWNS = 5
"""So many supervisors that end without having done anything are no accident."""
NOTICE_SECONDS = 10.0
"""Longest time from a server's death until its guard and its supervisor have noticed."""

log = logging.getLogger(__name__)


class Tenant:
    """Holds a lease.

    Args:
        plans: the device groups to choose from, each with what its server is to be.

    Raises:
        LakeError: HOME cannot be written.
    """

    def __init__(self, plans: list[tuple[Group, Plan]]) -> None:
        self._lease: Lease = take(plans)
        self._spawns = 0
        self._logged = time.monotonic()

    @property
    def group(self) -> Group:
        """The device group that the lease is for."""
        return self._lease.group

    def release(self) -> None:
        """Gives the lease back."""
        self._lease.release()

    def served(self) -> State:
        """Waits for this lease's turn, and until its server stands.

        Raises:
            EngineError: it does not start; names the reason, the last lines of its log and the log.
        """
        while True:
            state = self.group.state()
            mine = state.identity == self._lease.wish.plan.identity
            standing = mine and state.stands and has_turn(self._lease.wish, held_leases(self.group))
            if standing and is_ready(state.port, state.name):  # it may have died a moment ago
                self._spawns = 0
                return state
            if mine and state.status == "failed" and self._lease.wish.ticket <= state.failed_ticket:
                raise (EngineDownError if state.retryable else EngineError)(state.what, state.cure)
            if not self._is_supervised():
                self._spawn()
            self._tell(state, mine)
            time.sleep(POLL_SECONDS)

    def _tell(self, state: State, mine: bool) -> None:
        if time.monotonic() - self._logged >= LOG_SECONDS:
            self._logged = time.monotonic()
            waiting = f"to start ({self.group.log})" if mine else "for others to be done with another model"
            log.info("waiting for the vLLM server %s; its state: %s", waiting, state.status)

    def has_lost(self, served: State) -> bool:
        """Whether the server that was `served` no longer stands; waits a little for it to be known."""
        deadline = time.monotonic() + NOTICE_SECONDS
        while time.monotonic() < deadline:
            state = self.group.state()
            if state.generation != served.generation or not state.stands:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _is_supervised(self) -> bool:
        return held(self.group.lock)

    def _spawn(self) -> None:
        """Starts a supervisor; where another process does so at this moment, one of the two ends at once."""
        if self._spawns == SPAWNS:
            raise EngineError(
                f"The supervisor of the vLLM server does not stay up; its log: {self.group.supervisor_log}",
                "mend what its last lines say, and run again.",
            )
        self._spawns += 1
        module = "unicorn_assets.engines.vllm.supervisor"
        command = [sys.executable, "-m", module, "--home", str(Path(self.group.home).resolve())]
        with self.group.supervisor_log.open("ab") as output:
            subprocess.run(
                [*command, "--group", str(self.group.number)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                check=False,
            )
        deadline = time.monotonic() + 2.0
        while not self._is_supervised() and time.monotonic() < deadline:
            time.sleep(0.02)
