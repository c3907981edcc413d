"""Who uses a group's server: one locked file for each user, numbered in the order of arrival.

The system drops a lock when its holder dies, so a lease ends with its process, kill -9 included. The server serves the
plan of the oldest lease. A lease has its turn when no older one wants another server, so nobody waits for ever behind
those who came later.
"""

import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.engines.vllm.group import Group
from unicorn_assets.engines.vllm.plan import Plan
from unicorn_assets.lake.files import explained, write_whole
from unicorn_assets.lake.locks import locked

_COUNTER = "last"
_SUFFIX, _DRAFT = ".json", ".new"
LOCK_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Wish:
    """A lease as others see it.

    Args:
        ticket: its place in the order of arrival.
        plan: the server that it wants.
    """

    ticket: int
    plan: Plan


class Lease:
    """A lease that this process holds, until it is released or the process ends."""

    def __init__(self, group: Group, wish: Wish, path: Path, descriptor: int) -> None:
        self.group = group
        self.wish = wish
        self._path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives it back. Twice is fine."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def take(plans: list[tuple[Group, Plan]]) -> Lease:
    """Takes a lease on the device group that fits best: no other server wanted there, then fewest leases.

    Args:
        plans: the groups, each with what its server is to be.

    Raises:
        LakeError: HOME cannot be written.
        BusyError: others keep the leases locked.
    """
    first = plans[0][0]
    with locked(first.folder.parent / "leases.lock", what="the leases", wait_seconds=LOCK_WAIT_SECONDS):

        def worth(choice: tuple[Group, Plan]) -> tuple[bool, int, int]:
            group, plan = choice
            held = held_leases(group)
            return any(wish.plan.identity != plan.identity for wish in held), len(held), group.number

        return _enter(*min(plans, key=worth))


def _enter(group: Group, plan: Plan) -> Lease:
    with explained(group.folder):
        group.leases.mkdir(parents=True, exist_ok=True)
        for leftover in group.leases.glob(f"*{_DRAFT}"):  # of one that was killed; nobody else is in here
            leftover.unlink(missing_ok=True)
        ticket = 1 + _last_ticket(group)
        write_whole(group.leases / _COUNTER, str(ticket))
        path = group.leases / f"{ticket:012d}{_SUFFIX}"
        draft = path.with_suffix(_DRAFT)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            # Locked before it gets its name: a lease without a lock is a dead one.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, plan.written().encode())
            draft.rename(path)
        except OSError:
            os.close(descriptor)
            raise
    return Lease(group, Wish(ticket, plan), path, descriptor)


def _last_ticket(group: Group) -> int:
    """The ticket given last. A counter that a disk has lost or emptied starts behind those that were refused."""
    counter = group.leases / _COUNTER
    told = counter.read_text() if counter.exists() else ""
    return int(told) if told.isdecimal() else group.state().failed_ticket


def held_leases(group: Group) -> list[Wish]:
    """The leases whose holders live, oldest first. The files of dead ones are removed."""
    wishes = []
    for path in sorted(group.leases.glob(f"*{_SUFFIX}")):
        plan = _held(path)
        if plan is not None:
            wishes.append(Wish(int(path.stem), plan))
    return wishes


def _held(path: Path) -> Plan | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return Plan.read(path.read_text(encoding="utf-8"))
    else:
        path.unlink(missing_ok=True)
        return None
    finally:
        os.close(descriptor)


def has_turn(wish: Wish, wishes: Iterable[Wish]) -> bool:
    """Whether no lease older than `wish` wants another server."""
    return all(other.plan.identity == wish.plan.identity for other in wishes if other.ticket < wish.ticket)
