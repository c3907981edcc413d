"""`unicorn prune`: old runs go from storage and disk, what the UI stands on stays, and so does all that was made."""

import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from unicorn_assets import state
from unicorn_assets.alerts import outbox, progress
from unicorn_assets.cli.main import main
from unicorn_assets.cli.prune import prune
from unicorn_assets.defs import instance
from unicorn_assets.engines.store import AnswerStore, size
from unicorn_assets.errors import BusyError, LakeError
from unicorn_assets.execution import old_runs, postgres
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets_tests.alerts.making import alert, look, record, rows, settings
from unicorn_assets_tests.conftest import data_files, materialize, run
from unicorn_assets_tests.postgres import cluster

NOW = timedelta(0)
ASKING = ("expanded_captions", "instruction_dialogs")


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request, monkeypatch):
    if request.param == "sqlite":
        monkeypatch.delenv(postgres.VARIABLE, raising=False)
        yield "sqlite"
    else:
        with cluster() as server:
            monkeypatch.setenv(postgres.VARIABLE, server.database("dagster"))
            yield "postgres"


def statuses(home):
    with instance.open_instance(home) as opened:
        return {found.run_id: found.status for found in opened.get_runs()}


def run_files(home):
    return {path.stem for path in (home.dagster / "history" / "runs").glob("*-*.db")}


def unfinished(home):
    """A run that is still at work, and was begun before all that is pruned."""
    with instance.open_instance(home) as opened, dg.DagsterInstance.ephemeral():
        job = dg.Definitions(jobs=[dg.GraphDefinition("job").to_job()]).resolve_job_def("job")
        return opened.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED).run_id


def ui_state(home):
    """What pages of assets show: the newest materialization of every shard, and the newest result of every check."""
    seen = {}
    with instance.open_instance(home) as opened:
        for name, stage in GRAPH.items():
            key = dg.AssetKey(name)
            seen[name, "last"] = opened.get_latest_materialization_event(key).run_id
            if stage.sharded:
                partitions = opened.event_log_storage.get_latest_storage_id_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION
                )
                seen[name, "shards"] = sorted(partitions)
            keys = [dg.AssetCheckKey(key, check.name) for check in stage.checks]
            latest = opened.event_log_storage.get_latest_asset_check_execution_by_key(keys)
            seen[name, "checks"] = {check.name: (found.run_id, found.status) for check, found in latest.items()}
    return seen


def test_old_runs_go_for_good_and_what_the_ui_shows_stays(home, recipe, storage, capsys):
    assert run(home, recipe) == 0
    first = set(statuses(home))
    assert run(home, recipe) == 0
    started = unfinished(home)
    before, shown = data_files(home), ui_state(home)
    index = home.dagster / "history" / "runs" / "index.db"
    large = index.stat().st_size if storage == "sqlite" else 0
    second = set(statuses(home)) - first - {started}
    (home.dagster / "storage").mkdir(exist_ok=True)

    prune(home, NOW, answers=False, dry_run=True)
    assert set(statuses(home)) == first | second | {started}
    prune(home, timedelta(days=1), answers=False, dry_run=False)
    assert set(statuses(home)) == first | second | {started}

    capsys.readouterr()
    prune(home, NOW, answers=False, dry_run=False)
    told = capsys.readouterr().out
    assert f"{len(first)} of {len(first | second)} finished runs of that age go." in told
    assert f"{len(second)} stay: what the web UI shows" in told
    assert set(statuses(home)) == second | {started}
    assert ui_state(home) == shown
    assert data_files(home) == before
    if storage == "sqlite":
        assert run_files(home) & first == set()
        assert second <= run_files(home)
        assert index.stat().st_size < large
        assert "Freed" in told
    with instance.open_instance(home) as opened:
        events = opened.event_log_storage
        with events.index_connection() as connection:
            for table in ("event_logs", "asset_check_executions"):
                ids = set(connection.execute(old_runs.text(f"SELECT DISTINCT run_id FROM {table}")).scalars())
                assert not ids & first, table
    capsys.readouterr()
    prune(home, NOW, answers=False, dry_run=False)
    assert f"0 of {len(second)} finished" in capsys.readouterr().out


def test_runs_stay_until_the_alerts_have_read_them_and_a_prune_cut_short_is_ended_by_the_next(
    home, recipe, monkeypatch
):
    monkeypatch.delenv(postgres.VARIABLE, raising=False)
    assert run(home, recipe) == 0
    first = set(statuses(home))
    assert run(home, recipe) == 0
    second = set(statuses(home)) - first
    with outbox.opened(home.state) as connection:
        progress.mark(connection, time.time())  # a day ago: the alerts have read none of these runs
        prune(home, NOW, answers=False, dry_run=False)
        assert set(statuses(home)) == first | second
        with state.transaction(connection):
            progress.advance(connection, time.time())
    real, calls = old_runs.OldRuns._remove_files, []

    def dying(self, run_id):
        calls.append(run_id)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(self, run_id)

    with monkeypatch.context() as patch:
        patch.setattr(old_runs.OldRuns, "_remove_files", dying)
        with pytest.raises(KeyboardInterrupt):
            prune(home, NOW, answers=False, dry_run=False)
    assert calls[2] in run_files(home)  # deleted from the storage, but not from the disk
    prune(home, NOW, answers=False, dry_run=False)
    assert set(statuses(home)) == second
    assert run_files(home) == second
    assert not list((home.path / "locks").glob("prune.*"))


def test_alerts_that_have_arrived_go_with_their_runs(home, recipe, monkeypatch, capsys):
    monkeypatch.delenv(postgres.VARIABLE, raising=False)
    assert run(home, recipe) == 0
    first = set(statuses(home))
    assert run(home, recipe) == 0
    told = [alert(number, when=1.0, run_id=run_id) for number, run_id in enumerate(sorted(statuses(home)))]
    record(home.state, *told)
    look(home.state, settings({"name": "log", "kind": "log"}))
    capsys.readouterr()
    prune(home, NOW, answers=False, dry_run=True)
    assert f"{len(first)} alerts of that age that have arrived would go." in capsys.readouterr().out
    assert rows(home.state, "SELECT count(*) FROM alerts") == [(len(told),)]
    prune(home, NOW, answers=False, dry_run=False)
    assert f"{len(first)} alerts of that age that have arrived go." in capsys.readouterr().out
    assert rows(home.state, "SELECT count(*) FROM alerts") == [(len(told) - len(first),)]


def test_runs_of_a_backfill_stay_until_it_is_finished(home, recipe, monkeypatch):
    monkeypatch.delenv(postgres.VARIABLE, raising=False)
    assert run(home, recipe) == 0
    with instance.open_instance(home) as opened:
        old = opened.get_runs()[0].run_id
        opened.add_run_tags(old, {"dagster/backfill": "mine"})
        found = old_runs.OldRuns(opened, home.path / "begun")
        monkeypatch.setattr(old_runs.OldRuns, "_newest", lambda self: set())
        monkeypatch.setattr(old_runs.OldRuns, "_unfinished_backfills", lambda self: {"mine"})
        assert found.old(datetime.now(UTC)).in_backfill == 1
        assert old not in found.old(datetime.now(UTC)).gone


def asked_again(home, recipe):
    """How many answers the engine is asked for when all is made anew."""
    outcomes = materialize(home, recipe)
    return sum(outcome.sidecar.metrics.get("requests", 0) for outcome in outcomes.values() if not outcome.reused)


def test_answers_of_shards_that_are_long_fresh_go_on_request_alone(home, recipe, tools, monkeypatch, capsys):
    monkeypatch.delenv(postgres.VARIABLE, raising=False)
    materialize(home, recipe)
    before, stores = data_files(home), [home.answers(stage, shard) for stage in ASKING for shard in shard_names(3)]
    stores = [path for path in stores if size(path)]
    assert len(stores) >= 3
    home.lake.sidecar_path("pretrain_dataset", "shard-0001").unlink()  # that shard is no longer complete
    hold = [path for path in stores if path.name == "shard-0001"]

    prune(home, NOW, answers=False, dry_run=False)
    prune(home, timedelta(days=1), answers=True, dry_run=False, tools=tools)
    prune(home, NOW, answers=True, dry_run=True, tools=tools)
    assert all(map(size, stores))
    told = capsys.readouterr().out
    assert "would be dropped" in told
    assert "at its price" in told

    with home.lock(), pytest.raises(BusyError):
        prune(home, NOW, answers=True, dry_run=False, tools=tools)
    with AnswerStore(home.answers("expanded_captions", "shard-0000")):
        prune(home, NOW, answers=True, dry_run=False, tools=tools)
    assert "1 stores are in use" in capsys.readouterr().out
    assert {path for path in stores if size(path)} == {home.answers("expanded_captions", "shard-0000"), *hold}
    prune(home, NOW, answers=True, dry_run=False, tools=tools)
    assert {path for path in stores if size(path)} == set(hold)
    assert asked_again(home, recipe) == 0  # what stands needs no answers
    assert data_files(home) == before
    other = recipe.model_copy(update={"expansion": recipe.expansion.model_copy(update={"temperature": 0.5})})
    home.adopt(other, change=True)
    assert asked_again(home, other) > 0


def test_a_home_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(LakeError, match="There is no HOME"):
        prune(Home(tmp_path / "typo"), NOW, answers=False, dry_run=True)
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1y", "9999999999w"])
def test_an_age_that_is_none_is_refused(age):
    from click.testing import CliRunner

    done = CliRunner().invoke(main, ["prune", f"--older-than={age}"])
    assert done.exit_code == 2
    assert age in done.output
