"""A backfill of sixteen shards under kill -9 of all that takes part in it; and two backfills of the same shards."""

import os
import signal
import time

import pytest

from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.recipe import Recipe
from unicorn_assets.settings import update
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.serving import served

SHARDED = [name for name, stage in GRAPH.items() if stage.sharded]
SOURCES = ["seed_sources", "modality_alignment"]
MADE = """
query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetMaterializations(limit: 200) { partition runId metadataEntries { label ... on BoolMetadataEntry { boolValue } } }
} } }"""


@pytest.fixture
def deployment_home(tmp_path, recipe):
    """A HOME whose schedules are off, so that what is tested does all the work."""

    def made(shards):
        home = Home(tmp_path / "home")
        home.prepare()
        chosen = Recipe.model_validate(recipe.model_dump() | {"shards": shards})
        home.adopt(chosen)
        update(home.path, "schedule", on=False)
        return home, chosen

    return made


def undisturbed(path, recipe):
    """The lake of the plain runner with the same encoder, by file."""
    home = Home(path)
    home.prepare()
    home.adopt(recipe)
    tools = Tools(home, recipe)
    for name in SOURCES:
        make(GRAPH[name], tools, ALL, graph=GRAPH, run_id="test")
    for shard in shard_names(recipe.shards):
        for name in SHARDED:
            make(GRAPH[name], tools, shard, graph=GRAPH, run_id="test")
    tools.close()
    return lake_files(home)


def lake_files(home):
    files = (path for path in home.lake.root.rglob("*") if path.is_file() and path.suffix != ".json")
    return {str(path.relative_to(home.lake.root)): path.read_bytes() for path in files}


def made_anew(deployment):
    """How often each shard of each asset was made, and not found made, by what the web UI shows."""
    counts = {}
    for name in SHARDED:
        node = deployment.ask(MADE, key={"path": [name]})["assetNodeOrError"]
        for event in node["assetMaterializations"]:
            entries = {entry["label"]: entry.get("boolValue") for entry in event["metadataEntries"]}
            key = name, event["partition"]
            counts[key] = counts.get(key, 0) + bool(entries["made_now"])
    return counts


def made_shards(home):
    return len(list((home.lake.root / "instruction_dataset").glob("shard-*.json")))


def until(true, seconds, deployment):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, deployment.tail()
        time.sleep(0.1)


def kill(deployment, *words):
    """SIGKILL to the processes whose command line holds one of the words; returns how many there were."""
    found = [pid for pid, command in deployment.processes().items() if any(word in " ".join(command) for word in words)]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return len(found)


def after_a_look_at_the_backfill(deployment):
    """Waits until the daemon has just looked at the backfill.

    Dagster gives a backfill up for good if its code server dies in the very moment of a look, which comes every 30 s;
    the schedule would then make the shards that are left. Here the backfill itself is to go on.
    """
    looks = deployment.log.read_text().count("Evaluating asset backfill")
    until(lambda: deployment.log.read_text().count("Evaluating asset backfill") > looks, 60, deployment)
    time.sleep(3)


def begun_anew(deployment):
    return deployment.log.read_text().count("it is begun anew")


def run_workers(deployment):
    """Processes of runs, which the code server starts by multiprocessing."""
    return [pid for pid, command in deployment.processes().items() if "spawn_main" in " ".join(command)]


@pytest.mark.timeout(1200)
def test_a_backfill_survives_kills_of_everything_and_makes_every_shard_once(tmp_path, deployment_home):
    home, recipe = deployment_home(16)
    expected = undisturbed(tmp_path / "undisturbed", recipe)
    with served(home) as deployment:
        assert deployment.wait_run(deployment.materialize(SOURCES)) == "SUCCESS"
        backfill = deployment.backfill(SHARDED, shard_names(16))
        until(lambda: made_shards(home) >= 1 and run_workers(deployment), 120, deployment)
        os.kill(run_workers(deployment)[-1], signal.SIGKILL)
        until(lambda: made_shards(home) >= 2, 180, deployment)
        assert kill(deployment, "unicorn_assets.execution.worker")
        after_a_look_at_the_backfill(deployment)
        assert kill(deployment, "api grpc")
        until(lambda: begun_anew(deployment) == 1, 60, deployment)
        after_a_look_at_the_backfill(deployment)
        assert kill(deployment, "dagster._daemon")
        until(lambda: begun_anew(deployment) == 2, 60, deployment)
        time.sleep(10)
        assert kill(deployment, "")
    with served(home) as deployment:
        assert deployment.wait_backfill(backfill, 600) == "COMPLETED_SUCCESS"
        counts = made_anew(deployment)
        assert "STARTED" not in deployment.runs().values()
    assert set(counts) == {(name, shard) for name in SHARDED for shard in shard_names(16)}
    # None where a process was killed between a shard's appearance and the word of it; the next run found it made.
    assert set(counts.values()) <= {0, 1}
    assert lake_files(home) == expected
    with home.catalog.snapshot() as connection:
        found = connection.execute(
            "SELECT count(*), max(attempt) FROM materializations WHERE shard != 'all'"
        ).fetchone()
    assert found == (8 * 16, 1)


@pytest.mark.timeout(600)
def test_two_backfills_of_the_same_shards_at_once_make_each_once(tmp_path, deployment_home):
    home, recipe = deployment_home(4)
    expected = undisturbed(tmp_path / "undisturbed", recipe)
    with served(home) as deployment:
        assert deployment.wait_run(deployment.materialize(SOURCES)) == "SUCCESS"
        backfills = [deployment.backfill(SHARDED, shard_names(4)) for _ in range(2)]
        assert [deployment.wait_backfill(backfill) for backfill in backfills] == ["COMPLETED_SUCCESS"] * 2
        counts = made_anew(deployment)
        assert len(deployment.runs()) == 1 + 2 * 4
    assert set(counts.values()) == {1}
    assert lake_files(home) == expected
