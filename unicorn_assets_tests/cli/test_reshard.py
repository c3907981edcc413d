"""`unicorn reshard`: who keeps it off, what the web UI shows afterwards, and what the next run makes."""

import dagster as dg
import pytest
from click.testing import CliRunner

from unicorn_assets import attempts, state
from unicorn_assets.alerts import checks, outbox
from unicorn_assets.alerts.alert import Alert
from unicorn_assets.cli.main import main
from unicorn_assets.cli.reshard import reshard
from unicorn_assets.cli.status import status
from unicorn_assets.defs import instance, resharded
from unicorn_assets.errors import BusyError, RecipeError, UnicornError
from unicorn_assets.execution import postgres
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.locks import locked
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize, run
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.postgres import cluster

MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION


@pytest.fixture(autouse=True)
def _sqlite(monkeypatch):
    monkeypatch.delenv(postgres.VARIABLE, raising=False)


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request, monkeypatch):
    if request.param == "sqlite":
        yield "sqlite"
    else:
        with cluster() as server:
            monkeypatch.setenv(postgres.VARIABLE, server.database("dagster"))
            yield "postgres"


def tools_at(home):
    return Tools(home, home.recipe(), make_encoder=lambda chosen: HashEncoder())


def of(recipe: Recipe, shards: int) -> Recipe:
    return recipe.model_copy(update={"shards": shards})


def shown(home):
    """The shards with a materialization, and the check results by shard, of each asset."""
    with instance.open_instance(home) as opened:
        storage = opened.event_log_storage
        partitions = {
            name: sorted(storage.get_latest_storage_id_by_partition(dg.AssetKey(name), MATERIALIZED))
            for name, stage in GRAPH.items()
            if stage.sharded
        }
        results = {}
        for name, stage in GRAPH.items():
            for check in stage.checks if stage.sharded else ():
                found = storage.get_asset_check_execution_history(
                    dg.AssetCheckKey(dg.AssetKey(name), check.name), limit=100
                )
                results[name, check.name] = sorted(one.partition for one in found)
        return partitions, results


def test_the_web_ui_shows_the_new_shards_and_the_next_run_makes_the_release_alone(home, recipe, storage, capsys):
    assert run(home, recipe) == 0
    with attempts.opened(home.state) as tried:
        tried.failed("a", "shard-0001", "wanted", 1.0)
        tried.failed("b", "release", "wanted", 1.0)
    failure = Alert(
        "1", "check_failed", "WARN", "text_embeddings", "It is cut.", 1.0, shard="shard-0001", check="nothing_cut"
    )
    above = Alert("2", "check_failed", "WARN", "modality_alignment", "Too few.", 1.0, check="enough_samples")
    with outbox.opened(home.state) as connection, state.transaction(connection):
        checks.failed(connection, failure)
        checks.failed(connection, above)
    capsys.readouterr()
    reshard(home, 2, partial=False, tools=tools_at(home))
    told = capsys.readouterr().out
    assert "from 3 shards to 2 shards" in told
    assert "All shards have moved; no engine and no encoder was asked." in told
    partitions, results = shown(home)
    assert set(map(tuple, partitions.values())) == {("shard-0000", "shard-0001")}
    assert set(map(tuple, results.values())) == {("shard-0000", "shard-0001")}
    with instance.open_instance(home) as opened:
        event = opened.get_latest_materialization_event(dg.AssetKey("text_embeddings"))
        assert event.asset_materialization.tags["dagster/data_version"] in {
            home.lake.need("text_embeddings", shard).fingerprint for shard in shard_names(2)
        }
        assert event.asset_materialization.metadata["note"].value == "Moved from 3 to 2 shards."
        assert len(opened.get_runs()) == 5  # of the run before: sources, three shards, release
    with attempts.opened(home.state) as tried:
        assert tried.partitions() == {"release"}
    with outbox.opened(home.state) as connection:
        subjects = [row["subject"] for row in connection.execute("SELECT subject FROM alert_checks")]
    assert subjects == [above.subject]
    assert home.switch.untold() is None
    assert not home.switch.folder.exists()
    outcomes = materialize(home, of(recipe, 2))
    assert {stage for (stage, _), outcome in outcomes.items() if not outcome.reused} == {"selection", "release"}


def test_a_telling_cut_short_is_ended_by_the_next_reshard(home, recipe, monkeypatch, capsys):
    assert run(home, recipe) == 0

    def dying(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resharded, "_begin_counts_anew", dying)
        with pytest.raises(KeyboardInterrupt):
            reshard(home, 2, partial=False, tools=tools_at(home))
    assert home.recipe().shards == 2
    capsys.readouterr()
    monkeypatch.setattr(Tools, "at", classmethod(lambda cls, given: tools_at(given)))
    status(home, as_json=False)
    assert "The web UI still shows 3 shards: `unicorn reshard 2` tells it." in capsys.readouterr().out
    reshard(home, 2, partial=False, tools=tools_at(home))
    told = capsys.readouterr().out
    assert "has 2 shards already" in told
    assert "The web UI knows" in told
    partitions, results = shown(home)
    assert set(map(tuple, partitions.values())) == {("shard-0000", "shard-0001")}
    assert set(map(tuple, results.values())) == {("shard-0000", "shard-0001")}
    status(home, as_json=False)
    assert "still shows" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lock", "who"),
    [("run", "`unicorn run` is at work"), ("dev", "`unicorn dev` serves"), ("prune", "prune"), ("work", "a step is")],
)
def test_it_wants_home_alone(home, recipe, lock, who):
    home.prepare()
    home.adopt(recipe)
    with locked(home.path / "locks" / lock, what="it", wait_seconds=0), pytest.raises(BusyError, match=who):
        reshard(home, 2, partial=False, tools=tools_at(home))
    assert home.recipe().shards == 3


def test_no_step_begins_while_it_is_at_work_and_it_does_not_begin_while_a_step_is(home, recipe):
    home.prepare()
    home.adopt(recipe)
    stage = GRAPH["seed_sources"]
    with home.alone("unicorn reshard"), pytest.raises(BusyError, match="the whole of HOME") as caught:
        make(stage, tools_at(home), "all", graph=GRAPH, run_id="test")
    assert caught.value.retryable
    with home.at_work(), home.at_work(), pytest.raises(BusyError, match="a step is at work"):
        reshard(home, 2, partial=False, tools=tools_at(home))
    make(stage, tools_at(home), "all", graph=GRAPH, run_id="test")


def test_runs_that_wait_are_told_of(home, recipe):
    home.prepare()
    home.adopt(recipe)
    with instance.open_instance(home) as opened, dg.DagsterInstance.ephemeral():
        job = dg.Definitions(jobs=[dg.GraphDefinition("job").to_job()]).resolve_job_def("job")
        waiting = opened.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED).run_id
    with pytest.raises(BusyError, match=f"run {waiting}"):
        reshard(home, 2, partial=False, tools=tools_at(home))


def test_a_failure_leaves_home_as_it_was_and_nothing_beside_it(home, recipe, monkeypatch):
    materialize(home, recipe)
    path = home.lake.rows("expanded_captions", "shard-0001")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(UnicornError, match="does not have the content"):
        reshard(home, 2, partial=False, tools=tools_at(home))
    assert not any((home.path / "reshard").iterdir())
    assert home.recipe().shards == 3


def test_partial_is_asked_for_and_says_what_is_left(home, recipe, capsys):
    materialize(home, recipe)
    home.lake.sidecar_path("expanded_captions", "shard-0001").unlink()
    with pytest.raises(UnicornError, match="would have to be made again"):
        reshard(home, 2, partial=False, tools=tools_at(home))
    reshard(home, 2, partial=True, tools=tools_at(home))
    told = capsys.readouterr().out
    assert "Left to be made by `unicorn run`: 2 of expanded_captions" in told
    outcomes = materialize(home, of(recipe, 2))
    assert sum(one.sidecar.metrics.get("requests", 0) for one in outcomes.values() if not one.reused) == 0


def test_a_home_without_a_recipe_and_numbers_out_of_range_are_refused(home):
    with pytest.raises(RecipeError, match="holds no recipe"):
        reshard(home, 2, partial=False)
    assert not home.path.exists()
    for number in ("0", "10000", "two"):
        assert CliRunner().invoke(main, ["reshard", number, "--home", str(home.path)]).exit_code == 2
