"""The history read from Postgres, where all runs share one table: the paths that differ from SQLite's."""

import pytest

from unicorn_assets.alerts import outbox, progress
from unicorn_assets.defs import history, instance
from unicorn_assets.execution import postgres
from unicorn_assets_tests.defs.test_history import alerts, evaluate, finish, kinds, look, run, unfinished
from unicorn_assets_tests.postgres import cluster


@pytest.fixture
def dagster(home, monkeypatch):
    with cluster() as server:
        monkeypatch.setenv(postgres.VARIABLE, server.database("dagster"))
        home.prepare()
        with instance.open_instance(home) as opened:
            yield opened


def test_failures_recoveries_and_runs_that_go_on(home, dagster, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 2)
    with outbox.opened(home.state) as connection:
        run(dagster, "soft")
        run(dagster, "hard", shard="shard-0001")
        run(dagster, "breaks", shard="shard-0001")
        assert look(connection, dagster).new == 3
        assert look(connection, dagster).new == 0
        made = unfinished(dagster)
        run(dagster)
        assert look(connection, dagster).resolved == 1
        evaluate(dagster, made, passed=False)
        evaluate(dagster, made, passed=False, check="other")
        finish(dagster, made)
        assert look(connection, dagster).new == 2
        assert progress.followed(connection) == []
        assert len({alert.id for alert in alerts(connection)}) == 6
        assert sorted(kinds(connection)) == [
            ("check_failed", "ERROR", "hard"),
            ("check_failed", "ERROR", "other"),
            ("check_failed", "ERROR", "soft"),
            ("check_failed", "WARN", "soft"),
            ("resolved", "WARN", "soft"),
            ("run_failed", "ERROR", "first"),
        ]
