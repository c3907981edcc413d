"""`unicorn dev` for real: it serves the graph on loopback, materializes a shard, is pruned, keeps its history."""

import subprocess
import time

import pytest

from unicorn_assets import settings, state
from unicorn_assets.alerts import outbox, progress
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets_tests.serving import BIN, LOOPBACK, served

GRAPH_QUERY = "{ assetNodes { assetKey { path } groupName description kinds owners { __typename } } }"
CHECKS = """
query { assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks {
  checks { name executionForLatestMaterialization { status } } } } } }"""


def prune(home):
    """`unicorn prune` beside the UI. The alerts look every half minute, and what they have not read stays."""
    with outbox.opened(home.state) as connection, state.transaction(connection):
        progress.mark(connection, time.time())
        progress.advance(connection, time.time())
    command = [BIN / "unicorn", "prune", "--home", home.path, "--older-than", "0m"]
    subprocess.run(command, check=True, capture_output=True)


@pytest.mark.timeout(600)
def test_web_ui_from_graph_to_a_materialized_shard_and_over_a_restart(home, recipe):
    home.prepare()
    home.adopt(recipe)
    settings.update(home.path, "schedule", on=False)  # no runs but ours
    with served(home) as ui:
        listening = ui.listening()
        assert ui.port in set().union(*listening.values())
        assert listening.keys() <= LOOPBACK
        nodes = {node["assetKey"]["path"][0]: node for node in ui.ask(GRAPH_QUERY)["assetNodes"]}
        assert len(nodes) == 15
        assert all(node["groupName"] and node["description"] and node["kinds"] for node in nodes.values())
        first = ui.materialize(["seed_sources", "modality_alignment"])
        assert ui.wait_run(first) == "SUCCESS"
        sharded = [name for name, stage in GRAPH.items() if stage.sharded]
        second = ui.materialize(sharded, "shard-0001")
        assert ui.wait_run(second) == "SUCCESS"
        assert home.lake.need("instruction_dataset", "shard-0001").run.run_id == second
        refused = ui.materialize(["near_duplicates", "selection", "release"])
        assert ui.wait_run(refused) == "FAILURE"
        checks = {
            (node["assetKey"]["path"][0], check["name"]): check["executionForLatestMaterialization"]
            for node in ui.ask(CHECKS)["assetNodes"]
            for check in node["assetChecksOrError"].get("checks", [])
        }
        assert ("release", "coverage") in checks
        with home.catalog.snapshot() as connection:
            stored = connection.execute("SELECT count(*) FROM check_results WHERE shard = 'shard-0001'").fetchone()
            assert stored[0] >= 24
        again = ui.materialize(["seed_sources", "modality_alignment"])
        assert ui.wait_run(again) == "SUCCESS"
        prune(home)
        kept = {second: "SUCCESS", refused: "FAILURE", again: "SUCCESS"}
        assert ui.runs() == kept
        assert ui.wait_run(ui.materialize(["caption_seeds"], "shard-0000")) == "SUCCESS"
    with served(home) as ui:
        assert ui.runs().items() >= kept.items()
        assert first not in ui.runs()
