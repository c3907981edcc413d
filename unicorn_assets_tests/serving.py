"""Dagster for real, in processes of its own: starts it in any of the ways that people do, and talks to it over GraphQL.

Every process that is started carries a mark in its environment, so that those which outlive their parent are found too.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unicorn_assets.defs import instance
from unicorn_assets.home import Home
from unicorn_assets.recipe import CHECKOUT

MARK = "UNICORN_SERVED_MARK"
BIN = Path(sys.executable).parent
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
"""127.0.0.1 and ::1 as the kernel's tables have them."""

NODES = "{ assetNodes { assetKey { path } } }"
LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
LAUNCH = """
mutation($selection: [AssetKeyInput!], $tags: [ExecutionTag!]) {
  launchRun(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: "unicorn_assets",
      jobName: "__ASSET_JOB", assetSelection: $selection},
    runConfigData: "{}", executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""
BACKFILL = """
mutation($selection: [AssetKeyInput!], $shards: [String!]) {
  launchPartitionBackfill(backfillParams: {assetSelection: $selection, partitionNames: $shards}) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}"""
RUN = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
BACKFILL_STATUS = """
query($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill { status } } }"""
RUN_ENDS = {"SUCCESS", "FAILURE", "CANCELED"}
BACKFILL_ENDS = {"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"}


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@dataclass
class Served:
    """A Dagster deployment that runs.

    Attributes:
        port: of the web UI, on loopback.
        log: what all its processes print.
        started: the processes that were started directly; the others are theirs.
        mark: what all of them carry in their environment.
    """

    port: int
    log: Path
    mark: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """The first process that was started."""
        return self.started[0].pid

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """What GraphQL answers; fails on any error in it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def materialize(self, assets: Sequence[str], shard: str | None = None) -> str:
        """Launches one run, as the UI's button does, and returns its id."""
        tags = [{"key": "dagster/partition", "value": shard}] if shard else []
        launched = self.ask(LAUNCH, selection=[{"path": [asset]} for asset in assets], tags=tags)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return launched["run"]["runId"]

    def backfill(self, assets: Sequence[str], shards: Sequence[str]) -> str:
        """Launches a backfill of these shards of these assets and returns its id. The daemon looks every 30 s."""
        selection = [{"path": [asset]} for asset in assets]
        launched = self.ask(BACKFILL, selection=selection, shards=list(shards))["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return launched["backfillId"]

    def wait_run(self, run_id: str, timeout: float = 180) -> str:
        """The status that a run ends with."""
        return self._wait(lambda: self.ask(RUN, id=run_id)["runOrError"]["status"], RUN_ENDS, run_id, timeout)

    def wait_backfill(self, backfill_id: str, timeout: float = 300) -> str:
        """The status that a backfill ends with."""
        status = lambda: self.ask(BACKFILL_STATUS, id=backfill_id)["partitionBackfillOrError"]["status"]  # noqa: E731
        return self._wait(status, BACKFILL_ENDS, backfill_id, timeout)

    def runs(self) -> dict[str, str]:
        """The status of every run in the history."""
        return {run["runId"]: run["status"] for run in self.ask(RUNS)["runsOrError"]["results"]}

    def _wait(self, status: Callable[[], str], ends: set[str], what: str, timeout: float) -> str:
        deadline, now = time.monotonic() + timeout, ""
        while time.monotonic() < deadline:
            try:
                now = status()
            except OSError as error:  # HTTPError too: the storage or the server may be away for a moment
                now = repr(error)
            if now in ends:
                return now
            time.sleep(0.5)
        raise AssertionError(f"{what} has not ended after {timeout} s: {now}\n{self.tail()}")

    def processes(self) -> dict[int, list[str]]:
        """The command line of every living process of the deployment, orphans too, by process id."""
        return {pid: command for pid, command in _commands() if self.mark in _environment(pid)}

    def listening(self) -> dict[str, set[int]]:
        """Address and ports of every TCP socket that any process of the deployment listens on."""
        inodes = {inode for pid in self.processes() for inode in _socket_inodes(pid)}
        found: dict[str, set[int]] = {}
        for table in ("tcp", "tcp6"):
            for row in map(str.split, Path(f"/proc/net/{table}").read_text().splitlines()[1:]):
                if row[3] == "0A" and row[9] in inodes:
                    address, port = row[1].split(":")
                    found.setdefault(address, set()).add(int(port, 16))
        return found

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-8000:]

    def stop(self, timeout: float = 60) -> None:
        """Interrupts what was started, as Ctrl-C does; then kills what is left, and returns when nothing is."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
        deadline = time.monotonic() + timeout
        for process in self.started:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        while left := self.processes():  # a killed one goes when its memory is given back
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
            assert time.monotonic() < deadline + timeout, left


def _commands() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if command:  # a zombie has none
                yield int(folder.name), command.rstrip("\0").split("\0")


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return ""


def _socket_inodes(pid: int) -> Iterator[str]:
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                yield target[8:-1]
    except OSError:
        return


def commands(home: Home, port: int, how: str) -> tuple[Path, dict[str, str], list[list[str]]]:
    """Folder, environment and command lines of a way to start, as `served` names them."""
    listen = ["--port", str(port)]
    if how.startswith("module:"):  # jobs of a test's own, on the instance of HOME
        environment = {"UNICORN_HOME": str(home.path), "DAGSTER_HOME": str(instance.prepare(home))}
        return home.path, environment, [[f"{BIN}/dagster", "dev", "-m", how.removeprefix("module:"), *listen]]
    if how == "unicorn":
        return home.path.parent, {}, [[f"{BIN}/unicorn", "dev", "--home", str(home.path), *listen]]
    at_home = {"UNICORN_HOME": str(home.path)}
    if how in ("dg", "dagster"):
        return CHECKOUT, at_home, [[f"{BIN}/{how}", "dev", *listen]]
    pair = [[f"{BIN}/dagster-webserver", *listen], [f"{BIN}/dagster-daemon", "run"]]
    return CHECKOUT, at_home | {"DAGSTER_HOME": str(CHECKOUT)}, pair


@contextmanager
def served(
    home: Home, port: int | None = None, *, how: str = "unicorn", env: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """A deployment on `home` until the block ends, ready to be asked.

    Args:
        home: HOME; with a recipe in it, unless the demo is wanted.
        port: where the web UI listens; a free port if None.
        how: `unicorn` (our command), `dg` or `dagster` (`dev`, from the checkout's root), `webserver` (and daemon),
            or `module:NAME` for the definitions of a module, which may be without assets.
        env: more for the environment of all processes.
    """
    port = port or free_port()
    folder, own, lines = commands(home, port, how)
    inherited = {name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "UNICORN_HOME")}
    mark = uuid.uuid4().hex
    everything = inherited | own | dict(env or {}) | {MARK: mark}
    home.path.parent.mkdir(parents=True, exist_ok=True)
    deployment = Served(port, home.path.parent / f"{how.replace(':', '-')}.log", mark)
    with deployment.log.open("ab") as log:
        try:
            for line in lines:
                process = subprocess.Popen(
                    line, cwd=folder, env=everything, stdout=log, stderr=log, start_new_session=True
                )
                deployment.started.append(process)
            _wait_ready(deployment, LOCATIONS if how.startswith("module:") else NODES)
            yield deployment
        finally:
            deployment.stop()


def _wait_ready(deployment: Served, query: str, timeout: float = 180) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = deployment.ask(query)
            if found.get("assetNodes") or found.get("repositoriesOrError", {}).get("nodes"):
                return
        except OSError:
            pass
        assert all(process.poll() is None for process in deployment.started), deployment.tail()
        assert time.monotonic() < deadline, deployment.tail()
        time.sleep(0.5)
