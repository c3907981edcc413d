"""Dagster's storage on a real Postgres server: chosen by one variable, made once, and silent about the password."""

import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy import create_engine, text

from unicorn_assets.defs import instance
from unicorn_assets.errors import StorageError
from unicorn_assets.execution import postgres
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets_tests.conftest import run
from unicorn_assets_tests.postgres import PASSWORD, cluster
from unicorn_assets_tests.serving import free_port


@pytest.fixture(scope="module")
def server():
    with cluster() as started:
        yield started


@pytest.fixture
def address(server, monkeypatch):
    """An empty database, which the environment names."""
    url = server.database(uuid.uuid4().hex)
    monkeypatch.setenv(postgres.VARIABLE, url)
    return url


def tables(address):
    engine = create_engine(postgres.parse(address))
    with engine.connect() as connection:
        found = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
    engine.dispose()
    return set(found)


def count(address, table):
    engine = create_engine(postgres.parse(address))
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    engine.dispose()
    return found


def test_a_run_keeps_its_history_in_postgres_and_its_password_nowhere(home, recipe, address, capsys):
    assert run(home, recipe) == 0
    with instance.open_instance(home) as opened:
        runs = opened.get_runs()
        assert len(runs) == 2 + recipe.shards
        assert all(one.status is dg.DagsterRunStatus.SUCCESS for one in runs)
    assert count(address, "event_logs") > 100
    assert not list(home.path.rglob("*.db"))
    shown = capsys.readouterr()
    assert PASSWORD not in shown.out + shown.err
    for path in home.path.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_processes_that_start_together_on_an_empty_database_make_its_tables_once(home, address):
    home.prepare()
    program = (
        "import sys, dagster as dg\nfrom unicorn_assets.defs import instance\nfrom unicorn_assets.home import Home\n"
        "folder = sys.argv[1] if len(sys.argv) > 2 else str(instance.prepare(Home(__import__('pathlib').Path("
        "sys.argv[1]))))\nwith dg.DagsterInstance.from_config(folder) as opened: opened.get_runs(limit=1)\n"
    )
    ours = [[str(home.path)]] * 2
    theirs = [[str(CHECKOUT / "deploy" / "postgres"), "as it is"]] * 2
    environment = os.environ | {"UNICORN_HOME": str(home.path)}
    started = [
        subprocess.Popen([sys.executable, "-c", program, *arguments], env=environment, stderr=subprocess.PIPE)
        for arguments in ours + theirs
    ]
    for one in started:
        _, errors = one.communicate(timeout=120)
        assert one.returncode == 0, errors.decode()
        assert b"Retrying" not in errors
    assert {"runs", "event_logs", "instigators", "alembic_version"} <= tables(address)
    assert count(address, "alembic_version") == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda url: url.replace("postgresql://", "mysql://"), "no address of a Postgres database"),
        (lambda url: url.rsplit("/", 1)[0], "no address of a Postgres database"),
        (lambda url: url.replace("127.0.0.1:", "127.0.0.1:no"), "no address of a Postgres database"),
        (lambda url: PASSWORD, "no address of a Postgres database"),
        (lambda url: url.replace(PASSWORD, PASSWORD + "x"), "password authentication failed"),
        (lambda url: url + "_not", "does not exist"),
        (lambda url: url.replace(url.split(":")[3].split("/")[0], str(free_port())), "Connection refused"),
    ],
    ids=["another database", "no database", "no port", "no URL", "wrong password", "unknown database", "no server"],
)
def test_an_address_that_cannot_be_used_is_explained_without_its_password(home, address, change, says, monkeypatch):
    monkeypatch.setattr(instance, "SERVER_WAIT_SECONDS", 0.5)
    monkeypatch.setenv(postgres.VARIABLE, change(address))
    with pytest.raises(StorageError) as failed:
        instance.prepare(home)
    assert says in str(failed.value)
    assert postgres.VARIABLE in failed.value.cure
    error: BaseException | None = failed.value
    while error is not None:
        assert PASSWORD not in repr(error)
        error = error.__cause__ or error.__context__ if not error.__suppress_context__ else error.__cause__


def test_missing_packages_are_named(home, monkeypatch):
    monkeypatch.setenv(postgres.VARIABLE, "postgresql://unicorn@127.0.0.1/dagster")
    monkeypatch.setattr(postgres, "find_spec", lambda name: None)
    with pytest.raises(StorageError, match="unicorn-assets\\[postgres\\]"):
        instance.prepare(home)


def test_a_restart_of_the_server_is_waited_for_in_the_middle_of_writing_and_reading(home, address, server):
    with instance.open_instance(home) as opened:
        run_id = dg.DagsterInstance.create_run(opened, **_new_run()).run_id
        stop, stored, failed = threading.Event(), [], []

        def store():
            try:
                while not stop.is_set():
                    opened.report_engine_event(f"event {len(stored)}", run_id=run_id, job_name="job")
                    stored.append(len(stored))
                    opened.get_run_by_id(run_id)
            except Exception as error:
                failed.append(error)

        writers = [threading.Thread(target=store) for _ in range(3)]
        for writer in writers:
            writer.start()
        for mode in ("fast", "immediate", "fast"):
            time.sleep(0.7)
            server.restart(mode)
        time.sleep(0.7)
        stop.set()
        for writer in writers:
            writer.join(60)
        assert failed == []
        assert len(stored) > 20
        messages = [entry.user_message or entry.message for entry in opened.all_logs(run_id)]
    assert len(messages) >= len(stored)


def _new_run():
    return {
        "job_name": "job", "run_id": None, "run_config": {}, "status": dg.DagsterRunStatus.STARTED, "tags": {},
        "root_run_id": None, "parent_run_id": None, "step_keys_to_execute": None, "execution_plan_snapshot": None,
        "job_snapshot": None, "parent_job_snapshot": None, "asset_selection": None, "asset_check_selection": None,
        "resolved_op_selection": None, "op_selection": None, "remote_job_origin": None, "job_code_origin": None,
        "asset_graph": dg.Definitions().get_repository_def().asset_graph,
    }  # fmt: skip


def test_the_file_that_the_commands_write_names_the_variable_alone(home, address):
    folder = instance.prepare(home)
    assert folder.relative_to(home.path) == Path("dagster/postgres")
    written = yaml.safe_load((folder / "dagster.yaml").read_text())
    assert written == instance.CONFIG | instance.POSTGRES_CONFIG
    assert written["storage"]["custom"]["config"] == {"postgres_url": {"env": postgres.VARIABLE}}
