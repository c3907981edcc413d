"""Postgres restarts in the middle of a backfill under `unicorn dev`: it goes on, and no password is seen."""

import time

import pytest

from unicorn_assets import settings
from unicorn_assets.execution import postgres
from unicorn_assets.identity import shard_names
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets_tests.postgres import PASSWORD, cluster
from unicorn_assets_tests.serving import LOOPBACK, served

SHARDED = [name for name, stage in GRAPH.items() if stage.sharded]
LAST = "instruction_dataset"


def made(home, shards):
    return sum(home.lake.sidecar_path(LAST, shard).is_file() for shard in shards)


def wait_until(condition, timeout):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _shown(ui):
    """What the UI tells of the instance, and every command line."""
    told = ui.ask("{ instance { info } }")["instance"]["info"]
    return told + " ".join(part for command in ui.processes().values() for part in command)


@pytest.mark.timeout(900)
def test_a_backfill_goes_on_over_restarts_of_postgres(home, recipe):
    recipe = recipe.model_copy(update={"shards": 6})
    shards = shard_names(recipe.shards)
    home.prepare()
    home.adopt(recipe)
    settings.update(home.path, "schedule", on=False)  # no runs but ours
    with cluster() as server:
        env = {postgres.VARIABLE: server.database("dagster")}
        with served(home, env=env) as ui:
            assert ui.wait_run(ui.materialize(["seed_sources", "modality_alignment"])) == "SUCCESS"
            backfill = ui.backfill(SHARDED, shards)
            wait_until(lambda: home.lake.sidecar_path("caption_seeds", shards[0]).is_file(), 120)
            server.restart("fast")
            wait_until(lambda: made(home, shards) >= 2, 120)
            server.restart("immediate")
            assert ui.wait_backfill(backfill, 400) in ("COMPLETED", "COMPLETED_SUCCESS"), ui.tail()
            before = ui.runs()
            assert ui.listening().keys() <= LOOPBACK
            seen = _shown(ui)
        # Dagster's own commands, with the second instance file, on the same history.
        env["DAGSTER_HOME"] = str(CHECKOUT / "deploy" / "postgres")
        with served(home, how="webserver", env=env) as ui:
            assert ui.runs().keys() >= before.keys()
            assert ui.listening().keys() <= LOOPBACK
            seen += _shown(ui)
    assert PASSWORD not in seen
    assert postgres.VARIABLE in seen
    for path in home.path.parent.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    assert not list(home.dagster.rglob("*.db"))
    for stage in SHARDED:
        for shard in shards:
            found = home.lake.need(stage, shard)
            assert before[found.run.run_id] == "SUCCESS"
            assert found.run.attempt == 1
