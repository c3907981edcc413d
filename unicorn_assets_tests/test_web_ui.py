"""`unicorn dev` for real: it serves the graph on loopback, materializes a shard, and keeps its history."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from unicorn_assets import recipe as recipes

GRAPH_QUERY = "{ assetNodes { assetKey { path } groupName description kinds owners { __typename } } }"
LAUNCH = """
mutation($selection: [AssetKeyInput!], $tags: [ExecutionTag!]) {
  launchRun(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: "unicorn_assets",
      jobName: "__ASSET_JOB", assetSelection: $selection},
    runConfigData: "{}", executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""
RUN = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
CHECKS = """
query { assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks {
  checks { name executionForLatestMaterialization { status } } } } } }"""
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"


def ask(port, query, **variables):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert "errors" not in found, found
    return found["data"]


@contextmanager
def served(home, port):
    """`unicorn dev` until the block ends; then it is interrupted as by Ctrl-C."""
    log = (home.path.parent / "dev.log").open("ab")
    command = [Path(sys.executable).with_name("unicorn"), "dev", "--home", home.path, "--port", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if ask(port, GRAPH_QUERY)["assetNodes"]:
                    break
            except OSError:
                pass
            assert process.poll() is None, (home.path.parent / "dev.log").read_text()
            assert time.monotonic() < deadline, (home.path.parent / "dev.log").read_text()
            time.sleep(0.5)
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            log.close()


def materialize(port, assets, shard=None):
    tags = [{"key": "dagster/partition", "value": shard}] if shard else []
    launched = ask(port, LAUNCH, selection=[{"path": [asset]} for asset in assets], tags=tags)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id, deadline = launched["run"]["runId"], time.monotonic() + 180
    while time.monotonic() < deadline:
        status = ask(port, RUN, id=run_id)["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return run_id, status
        time.sleep(0.5)
    raise AssertionError(f"run {run_id} has not ended")


def listening(port):
    """Addresses that the port is listened on, from the kernel's tables: loopback is 0100007F in the one for IPv4."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port}


@pytest.mark.timeout(600)
def test_web_ui_from_graph_to_a_materialized_shard_and_over_a_restart(home, recipe):
    home.prepare()
    home.adopt(recipe)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with served(home, port):
        assert listening(port) == {"0100007F"}
        nodes = {node["assetKey"]["path"][0]: node for node in ask(port, GRAPH_QUERY)["assetNodes"]}
        assert len(nodes) == 11
        assert all(node["groupName"] and node["description"] and node["kinds"] for node in nodes.values())
        first, status = materialize(port, ["seed_sources", "modality_alignment"])
        assert status == "SUCCESS"
        sharded = [name for name in nodes if name not in ("seed_sources", "modality_alignment", "release")]
        second, status = materialize(port, sharded, "shard-0001")
        assert status == "SUCCESS"
        assert home.lake.need("instruction_dataset", "shard-0001").run.run_id == second
        refused, status = materialize(port, ["release"])
        assert status == "FAILURE"
        checks = {
            (node["assetKey"]["path"][0], check["name"]): check["executionForLatestMaterialization"]
            for node in ask(port, CHECKS)["assetNodes"]
            for check in node["assetChecksOrError"].get("checks", [])
        }
        assert ("release", "coverage") in checks
        with home.catalog.snapshot() as connection:
            stored = connection.execute("SELECT count(*) FROM check_results WHERE shard = 'shard-0001'").fetchone()
            assert stored[0] >= 24
    with served(home, port):
        runs = {run["runId"]: run["status"] for run in ask(port, RUNS)["runsOrError"]["results"]}
        assert runs == {first: "SUCCESS", second: "SUCCESS", refused: "FAILURE"}


def test_root_dagster_yaml_keeps_its_storage_where_the_commands_do(home):
    import yaml

    from unicorn_assets.defs import instance

    settings = yaml.safe_load((recipes.CHECKOUT / "dagster.yaml").read_text())
    storage = settings.pop("storage")
    assert storage == {"sqlite": {"base_dir": "data/dagster"}}
    home.prepare()
    written = yaml.safe_load((instance.prepare(home) / "dagster.yaml").read_text())
    assert written == settings
    root = yaml.safe_load((recipes.CHECKOUT / "workspace.yaml").read_text())
    assert root == instance.WORKSPACE
