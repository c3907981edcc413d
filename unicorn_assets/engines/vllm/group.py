"""Where one device group keeps its files, and what its server has come to, as all processes read it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from unicorn_assets.lake.files import write_whole
from unicorn_assets.processes import Process


@dataclass(frozen=True)
class Group:
    """The folder of a device group.

    Args:
        home: HOME.
        number: which of the device groups in the settings, from 0.
    """

    home: Path
    number: int

    @property
    def folder(self) -> Path:
        """Everything of the group."""
        return self.home / "engines" / f"vllm-{self.number}"

    @property
    def leases(self) -> Path:
        """One file for each lease, locked by who holds it."""
        return self.folder / "leases"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor for as long as it lives."""
        return self.folder / "supervisor.lock"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor did, and when."""
        return self.folder / "supervisor.log"

    @property
    def mark(self) -> str:
        """Stands in the environment of every process of the group's server, and nowhere else."""
        return str(self.folder.resolve())

    def state(self) -> "State":
        """What the server has come to; a group without a file of its own has none yet."""
        try:
            table = json.loads((self.folder / "server.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return State()
        for role in ("supervisor", "guard"):
            table[role] = Process(**table[role]) if table[role] else None
        return State(**table)

    def publish(self, state: "State") -> None:
        """Tells all processes.

        Raises:
            LakeError: the file cannot be written.
        """
        write_whole(self.folder / "server.json", json.dumps(asdict(state), indent=1) + "\n")


@dataclass(frozen=True)
class State:
    """What the server of a group has come to.

    Args:
        status: `none` where it was stopped or died.
        generation: number of starts so far; never goes back.
        identity: identity of the server's plan.
        name: a name that this start alone has, under which the server lists its model.
        port: on loopback.
        supervisor: who watches.
        guard: who holds the server's processes; it ends with them.
        failed_ticket: leases of this identity up to this ticket will not be served.
        what: why the start failed.
        cure: how to mend it.
        retryable: whether a later try makes sense all the same.
    """

    status: Literal["none", "starting", "ready", "failed"] = "none"
    generation: int = 0
    identity: str = ""
    name: str = ""
    port: int = 0
    supervisor: Process | None = None
    guard: Process | None = None
    failed_ticket: int = 0
    what: str = ""
    cure: str = ""
    retryable: bool = False

    @property
    def stands(self) -> bool:
        """Whether the server is ready, and it and its supervisor live."""
        return (
            self.status == "ready"
            and self.guard is not None
            and self.guard.lives
            and self.supervisor is not None
            and self.supervisor.lives
        )
