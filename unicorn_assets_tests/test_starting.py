"""The ways to start the platform, each for real: from the checkout's root, on a HOME elsewhere, over a restart."""

import pytest

from unicorn_assets.execution import postgres
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets_tests.postgres import PASSWORD, cluster
from unicorn_assets_tests.serving import LOOPBACK, served

INSTANCE = "{ instance { info } }"
TELEMETRY = {"logs", ".logs_queue"}
"""Empty folders that the webserver makes in DAGSTER_HOME, even with telemetry off."""


def history_survives(home, recipe, how, **options):
    """Makes a run, starts anew and finds it; every socket is on loopback. Returns what the UI tells of the instance."""
    home.prepare()
    home.adopt(recipe)
    before = {path.name for path in CHECKOUT.iterdir()} | TELEMETRY
    with served(home, how=how, **options) as ui:
        first = ui.materialize(["seed_sources"])
        assert ui.wait_run(first) == "SUCCESS", ui.tail()
        assert home.lake.need("seed_sources", "all").run.run_id == first
        listening = ui.listening()
        assert ui.port in set().union(*listening.values())
        assert listening.keys() <= LOOPBACK, listening
        told = ui.ask(INSTANCE)["instance"]["info"]
        seen = " ".join(part for command in ui.processes().values() for part in command)
    assert not ui.processes()
    with served(home, how=how, **options) as ui:
        assert ui.runs() == {first: "SUCCESS"}
    assert {path.name for path in CHECKOUT.iterdir()} | TELEMETRY == before
    return told + seen + ui.log.read_text()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["dg", "dagster", "webserver"])
def test_history_survives_a_restart_however_it_is_started(home, recipe, how):
    history_survives(home, recipe, how)
    assert list((home.dagster / "storage").iterdir())  # what the step printed


@pytest.mark.timeout(600)
def test_history_survives_in_postgres_and_the_password_is_seen_nowhere(home, recipe):
    with cluster() as server:
        env = {postgres.VARIABLE: server.database("dagster"), "DAGSTER_HOME": str(CHECKOUT / "deploy" / "postgres")}
        seen = history_survives(home, recipe, "webserver", env=env)
    assert PASSWORD not in seen
    assert postgres.VARIABLE in seen
    assert not list(home.path.rglob("*.db"))
    for path in home.path.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
