"""The ways to start the platform, each for real from the checkout's root, one after the other on one HOME elsewhere."""

import pytest

from unicorn_assets import settings
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets_tests.serving import LOOPBACK, served

TELEMETRY = {"logs", ".logs_queue"}
"""Empty folders that the webserver makes in DAGSTER_HOME, even with telemetry off."""


@pytest.mark.timeout(900)
def test_history_survives_a_restart_in_whatever_way(home, recipe):
    home.prepare()
    home.adopt(recipe)
    settings.update(home.path, "schedule", on=False)  # no runs but ours
    before = {path.name for path in CHECKOUT.iterdir()} | TELEMETRY
    made: set[str] = set()
    for how in ("dg", "dagster", "webserver", "unicorn"):
        with served(home, how=how) as ui:
            history = ui.runs()
            assert all(history.get(run) == "SUCCESS" for run in made), how
            listening = ui.listening()
            assert ui.port in set().union(*listening.values())
            assert listening.keys() <= LOOPBACK, (how, listening)
            if how != "unicorn":
                run = ui.materialize(["seed_sources"])
                assert ui.wait_run(run) == "SUCCESS", ui.tail()
                assert ui.listening().keys() <= LOOPBACK
                logs = "".join(log.read_text() for log in home.path.glob("lanes/*/worker.log"))
                assert f"{run} - seed_sources" in logs, how  # what its step printed
                made.add(run)
    assert home.lake.need("seed_sources", "all").run.run_id in made
    assert {path.name for path in CHECKOUT.iterdir()} | TELEMETRY == before
