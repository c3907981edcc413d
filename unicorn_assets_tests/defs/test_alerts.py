"""The sensor as Dagster sees it, and what its page says."""

from datetime import timedelta

import dagster as dg
import pytest

from unicorn_assets.alerts import outbox
from unicorn_assets.defs import alerts, instance
from unicorn_assets.defs.alerts import in_words
from unicorn_assets.defs.build import build
from unicorn_assets.defs.history import Found
from unicorn_assets.errors import RecipeError
from unicorn_assets.execution import runs, tags
from unicorn_assets.lake.locks import locked
from unicorn_assets.settings import update
from unicorn_assets_tests.alerts.making import HOOK, WEBHOOK, alert, record
from unicorn_assets_tests.alerts.servers import HttpEndpoint


@pytest.fixture
def context(home):
    home.prepare()
    instance.prepare(home)
    with dg.DagsterInstance.from_config(str(home.dagster)) as opened, dg.build_sensor_context(opened) as built:
        yield built


def test_it_runs_by_itself_every_half_minute_or_as_the_settings_say(tools):
    (sensor,) = build(tools).sensors
    assert (sensor.name, sensor.minimum_interval_seconds) == ("alerts", 30)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    tools.home.prepare()
    update(tools.home.path, "alerts", interval_seconds=5)
    assert alerts.sensor(tools.home).minimum_interval_seconds == 5


def test_settings_that_are_not_valid_leave_the_graph_and_are_told_at_each_look(home, context):
    (home.path / "settings.toml").write_text("[alerts]\nroutes = 3\n")
    assert alerts.sensor(home).minimum_interval_seconds == 30
    with pytest.raises(RecipeError, match=r"alerts\.routes"):
        alerts.look(context, home)


def test_its_page_says_what_it_did_and_what_waits(home, context, monkeypatch):
    with HttpEndpoint() as hook:
        monkeypatch.setenv(HOOK, hook.url)
        monkeypatch.delenv("NOT_SET", raising=False)
        ops = {"name": "later", "kind": "slack", "address_env": "NOT_SET"}
        update(home.path, "alerts", routes=[WEBHOOK, ops])
        record(home.state, alert(1), alert(2), alert(3))
        (skipped,) = [alerts.sensor(home)(context)]
        assert isinstance(skipped, dg.SkipReason)
        assert skipped.skip_message.startswith(
            "3 alerts sent in 1 group; 3 wait for route later: The environment variable NOT_SET"
        )
        assert alerts.look(context, home).startswith("nothing new; 3 wait for route later")
        assert len(hook.requests) == 1


def test_each_look_asks_once_more_for_an_overdue_retry(home, context, monkeypatch):
    dagster = context.instance
    run = dagster.create_run_for_job(overdue, tags={"dagster/max_retries": "3"})
    dagster.report_run_failed(run)
    assert dagster.get_run_by_id(run.run_id).tags[tags.WILL_RETRY] == "true"
    alerts.look(context, home)
    assert failures(dagster, run) == 1  # it may still come by itself
    monkeypatch.setattr(runs.remind, "__defaults__", (timedelta(0),))
    alerts.look(context, home)
    alerts.look(context, home)
    assert failures(dagster, run) == 2


def failures(dagster, run):
    return len(dagster.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records)


@dg.job
def overdue():
    """Has no steps: only its runs' ends matter."""


def test_two_servers_do_not_send_at_once(home, context):
    with locked(home.path / "locks" / outbox.SENSOR, what="the alerts", wait_seconds=0):
        assert alerts.look(context, home).startswith("Nothing done: Another process (id ")
    assert alerts.look(context, home) == "nothing new."


def test_what_was_recorded_is_sent_though_the_history_cannot_be_read(home, context, monkeypatch):
    def broken(*arguments, **options):
        raise ConnectionError("the storage is away")

    monkeypatch.setattr(alerts, "read_history", broken)
    with HttpEndpoint() as hook:
        monkeypatch.setenv(HOOK, hook.url)
        update(home.path, "alerts", routes=[WEBHOOK])
        outbox.record(home.state, alert(1, kind="gave_up", id="gave-up:1"))
        with pytest.raises(ConnectionError):
            alerts.look(context, home)
        assert hook.requests[0].ids == ["gave-up:1"]


def test_words_for_what_was_found():
    found = Found(new=1200, resolved=2, unread=1, complete=False)
    assert in_words(found, [], []) == (
        "1,200 new, 2 resolved, 1 run could not be read (see this tick's log), more runs are read at the next look."
    )
