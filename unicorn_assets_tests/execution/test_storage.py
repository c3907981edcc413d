"""The contract with dagster's internals: what we override is there, and both sides read the same files."""

import inspect
from pathlib import Path

import dagster as dg
import pytest

from unicorn_assets.defs import instance
from unicorn_assets.execution.internals import SqliteEventLogStorage, SqliteRunStorage
from unicorn_assets.execution.storage import KEPT_RUNS, KeptEngine, KeptEngines, kept


@dg.asset
def thing() -> None:
    """An asset of this test."""


@pytest.fixture
def prepared(home):
    home.prepare()
    return home


def runs(opened, count):
    for _ in range(count):
        assert dg.materialize([thing], instance=opened).success


def test_commands_and_the_web_ui_read_each_others_history(prepared):
    with instance.open_instance(prepared) as ours:
        assert isinstance(ours.event_log_storage, KeptEngines)
        assert isinstance(ours.run_storage, KeptEngine)
        runs(ours, 2)
        with dg.DagsterInstance.from_config(str(prepared.dagster)) as theirs:
            assert type(theirs.event_log_storage) is SqliteEventLogStorage
            assert len(theirs.get_runs()) == 2
            logged = [len(theirs.all_logs(run.run_id)) for run in theirs.get_runs()]
            assert min(logged) > 5
            assert theirs.get_latest_materialization_event(thing.key) is not None
            runs(theirs, 1)
        assert len(ours.get_runs()) == 3


def test_open_files_do_not_grow_with_the_runs(prepared):
    with instance.open_instance(prepared) as ours:
        runs(ours, KEPT_RUNS + 2)
        before = len(list(Path("/proc/self/fd").iterdir()))
        runs(ours, 5)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
        assert len(ours.event_log_storage._engines) <= KEPT_RUNS + 1


def test_a_moved_home_keeps_its_history(prepared, tmp_path):
    from unicorn_assets.home import Home

    with instance.open_instance(prepared) as ours:
        runs(ours, 1)
    moved = Home(prepared.path.rename(tmp_path / "moved"))
    with instance.open_instance(moved) as ours:
        assert len(ours.get_runs()) == 1


def test_what_is_overridden_is_still_what_dagster_calls():
    assert list(inspect.signature(SqliteEventLogStorage._connect).parameters) == ["self", "shard"]
    assert list(inspect.signature(SqliteEventLogStorage.__init__).parameters) == ["self", "base_dir", "inst_data"]
    assert list(inspect.signature(SqliteRunStorage.connect).parameters) == ["self"]
    source = inspect.getsource(SqliteEventLogStorage._connect)
    for used in ("_db_lock", "_initialized_dbs", "_initdb", "conn_string_for_shard"):
        assert used in source


def test_a_worker_keeps_the_engines_of_the_same_files(prepared):
    folder = instance.prepare(prepared)
    with dg.DagsterInstance.from_config(str(folder)) as theirs:
        runs(theirs, 1)
        with dg.DagsterInstance.from_ref(kept(theirs.get_ref(), folder)) as ours:
            assert isinstance(ours.event_log_storage, KeptEngines)
            assert isinstance(ours.run_storage, KeptEngine)
            assert [run.run_id for run in ours.get_runs()] == [run.run_id for run in theirs.get_runs()]
            runs(ours, 1)
        assert len(theirs.get_runs()) == 2


def test_a_worker_of_the_roots_instance_file_finds_home(prepared, monkeypatch):
    from unicorn_assets.recipe import CHECKOUT

    monkeypatch.setenv("UNICORN_HOME", str(prepared.path))
    instance.prepare(prepared)
    with (
        dg.DagsterInstance.from_config(str(CHECKOUT)) as theirs,
        dg.DagsterInstance.from_ref(kept(theirs.get_ref(), prepared.dagster)) as ours,
    ):
        assert isinstance(ours.event_log_storage, KeptEngines)
        runs(ours, 1)
        assert len(theirs.get_runs()) == 1


def materializations(opened):
    return opened.fetch_materializations(thing.key, limit=100).records


def wiped_and_killed(opened):
    with opened.event_log_storage.together():
        opened.wipe_assets([thing.key])
        opened.report_runless_asset_event(dg.AssetMaterialization(thing.key))
        raise KeyboardInterrupt


def test_what_is_stored_together_is_there_as_a_whole_or_not_at_all(prepared):
    with instance.open_instance(prepared) as ours:
        runs(ours, 1)
        with pytest.raises(KeyboardInterrupt):
            wiped_and_killed(ours)
        assert len(materializations(ours)) == 1
        with ours.event_log_storage.together():
            ours.wipe_assets([thing.key])
            for _ in range(3):
                ours.report_runless_asset_event(dg.AssetMaterialization(thing.key))
            assert len(materializations(ours)) == 3
        runs(ours, 1)
        with dg.DagsterInstance.from_config(str(prepared.dagster)) as theirs:
            assert len(materializations(theirs)) == 4
