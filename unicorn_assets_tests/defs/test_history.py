"""Reading real runs: checks, failures, retries, recoveries, and what happens when the state is behind or killed."""

import shutil
import time
import warnings
from datetime import timedelta

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus

from unicorn_assets import state
from unicorn_assets.alerts import outbox, progress
from unicorn_assets.alerts.alert import load
from unicorn_assets.defs import history, instance
from unicorn_assets.defs.history import read_history
from unicorn_assets.errors import UnicornError
from unicorn_assets.execution import runs, tags
from unicorn_assets.home import Home
from unicorn_assets_tests.alerts.making import LOGGER

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SHARDS = dg.StaticPartitionsDefinition(["shard-0000", "shard-0001"])


def spec(name, asset, **options):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*partitions_def on an AssetCheckSpec", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=asset, partitions_def=SHARDS, **options)


@dg.asset(partitions_def=SHARDS, check_specs=[spec("soft", "first"), spec("hard", "first", blocking=True)])
def first(context: dg.AssetExecutionContext):
    tags = context.run.tags
    if "breaks" in tags:
        raise ValueError("the disk is full\nand more")
    soft = dg.AssetCheckResult(
        check_name="soft",
        passed="soft" not in tags,
        severity=dg.AssetCheckSeverity.WARN,
        description="Texts lie near the mean.",
        metadata={"share": 0.31, "limit": 0.05, "worst": dg.MetadataValue.json({"id": "a"})},
    )
    hard = dg.AssetCheckResult(check_name="hard", passed="hard" not in tags)
    yield dg.MaterializeResult(check_results=[soft, hard])


@dg.asset(partitions_def=SHARDS, deps=[first])
def second(context: dg.AssetExecutionContext):
    if "second breaks" in context.run.tags:
        raise dg.Failure("Seed file gone.\n  To mend it: bring it back.")


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """An empty storage of Dagster, which takes seconds to make."""
    home = Home(tmp_path_factory.mktemp("storage"))
    home.prepare()
    return instance.prepare(home)


@pytest.fixture
def dagster(home, storage):
    home.prepare()
    shutil.copytree(storage, home.dagster)
    folder = instance.prepare(home)
    with dg.DagsterInstance.from_config(str(folder), instance.COMMAND_FILE) as opened:
        yield opened


@pytest.fixture
def connection(home):
    with outbox.opened(home.state) as opened:
        yield opened


def run(dagster, *tags, shard="shard-0000"):
    result = dg.materialize(
        [first, second],
        instance=dagster,
        partition_key=shard,
        tags=dict.fromkeys(tags, "yes"),
        run_config=QUIET,
        raise_on_error=False,
    )
    return result.run_id


def look(connection, dagster, seconds=30.0):
    return read_history(connection, dagster, LOGGER, until=time.monotonic() + seconds)


def alerts(connection):
    return [load(row["body"]) for row in connection.execute("SELECT body FROM alerts ORDER BY number").fetchall()]


def kinds(connection):
    return [(one.kind, one.severity, one.check or one.asset) for one in alerts(connection)]


def test_a_failed_check_says_what_where_how_much_and_in_which_run(dagster, connection):
    run_id = run(dagster, "soft", shard="shard-0001")
    found = look(connection, dagster)
    assert (found.new, found.resolved, found.unread, found.complete) == (1, 0, 0, True)
    (alert,) = alerts(connection)
    assert (alert.kind, alert.severity, alert.asset, alert.shard, alert.check) == (
        "check_failed",
        "WARN",
        "first",
        "shard-0001",
        "soft",
    )
    assert alert.what == "Check soft failed: Texts lie near the mean."
    assert alert.figures == {"share": 0.31, "limit": 0.05, "worst": '{"id": "a"}'}
    assert alert.run_id == run_id
    assert alert.id.startswith(f"{run_id}:")
    assert time.time() - 60 < alert.when <= time.time()


def test_looking_again_finds_nothing_new_even_when_the_marks_are_lost(dagster, connection):
    run(dagster, "soft")
    assert look(connection, dagster).new == 1
    assert look(connection, dagster).new == 0
    for table in ("alert_marks", "alert_runs", "alert_checks"):
        connection.execute(f"DELETE FROM {table}")
    assert look(connection, dagster).new == 0
    assert len(alerts(connection)) == 1


def test_a_check_that_blocks_is_one_alert_and_not_two(dagster, connection):
    run(dagster, "hard")
    look(connection, dagster)
    (alert,) = alerts(connection)
    assert (alert.kind, alert.severity, alert.check) == ("check_failed", "ERROR", "hard")
    assert alert.what == "Check hard failed. It blocks: what stands below it is not made in this run."


def test_a_failed_run_names_its_step_its_shard_and_the_first_line_of_the_error(dagster, connection):
    broken, mended = run(dagster, "breaks"), run(dagster, "second breaks", shard="shard-0001")
    assert look(connection, dagster).new == 2
    one, two = alerts(connection)
    assert (one.kind, one.asset, one.shard, one.run_id) == ("run_failed", "first", "shard-0000", broken)
    assert one.what == "Step first failed: ValueError: the disk is full"
    assert (two.asset, two.shard, two.run_id) == ("second", "shard-0001", mended)
    assert two.what == "Step second failed: Seed file gone."


def test_a_check_of_ours_that_must_hold_before_a_stage_is_one_alert(tools, dagster, connection):
    from unicorn_assets.defs.build import build

    tools.home.adopt(tools.recipe)
    job = build(tools).resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(
        run_config=QUIET,
        asset_selection=[dg.AssetKey(name) for name in ("near_duplicates", "selection", "release")],
        instance=dagster,
        raise_on_error=False,
    )
    assert not done.success
    look(connection, dagster)
    (alert,) = alerts(connection)
    assert (alert.kind, alert.severity, alert.asset, alert.check) == ("check_failed", "ERROR", "release", "coverage")
    assert alert.what.startswith("Check coverage failed. What must hold: ")
    assert alert.figures


def test_a_run_that_failed_outside_of_its_steps_is_for_every_route(dagster, connection):
    job = dg.Definitions(assets=[first, second]).resolve_implicit_global_asset_job_def()
    lost = dagster.create_run_for_job(job, tags={"dagster/partition": "shard-0000", "dagster/max_retries": "0"})
    dagster.report_run_failed(lost, "The worker is gone.\nreally")
    look(connection, dagster)
    (alert,) = alerts(connection)
    assert (alert.asset, alert.shard) == ("", "shard-0000")
    assert alert.what == "The run failed outside of its steps: The worker is gone."


def test_a_cancelled_run_is_nobodys_trouble(dagster, connection):
    job = dg.Definitions(assets=[first, second]).resolve_implicit_global_asset_job_def()
    dagster.report_run_canceled(dagster.create_run_for_job(job))
    assert look(connection, dagster).new == 0


class TestRetries:
    """A run that will be retried is nobody's trouble yet. The instance's own retries are as deployed."""

    def lost(self, dagster):
        """A run whose process died, which Dagster retries."""
        job = dg.Definitions(assets=[first, second]).resolve_implicit_global_asset_job_def()
        made = dagster.create_run_for_job(job, tags={"dagster/max_retries": "2"})
        dagster.report_run_failed(made, "The worker is gone.")
        return made.run_id

    def test_a_run_that_is_retried_is_no_alert_and_one_without_tries_left_is(self, dagster, connection):
        run_id = self.lost(dagster)
        assert dagster.get_run_by_id(run_id).tags[tags.WILL_RETRY] == "true"
        assert look(connection, dagster).new == 0
        assert progress.followed(connection) == [run_id]
        dagster.add_run_tags(run_id, {tags.RETRIED_BY: "another-run"})
        assert look(connection, dagster).new == 0
        assert progress.followed(connection) == []

    def test_a_retry_that_is_taken_back_is_an_alert(self, dagster, connection):
        run_id = self.lost(dagster)
        assert look(connection, dagster).new == 0
        dagster.add_run_tags(run_id, {tags.WILL_RETRY: "false"})
        assert look(connection, dagster).new == 1
        assert look(connection, dagster).new == 0

    def test_a_retry_that_never_comes_is_an_alert_that_says_what_happened(self, dagster, connection, monkeypatch):
        run_id = self.lost(dagster)
        assert runs.remind(dagster, timedelta(0)) == [run_id]
        monkeypatch.setattr(history, "RETRY_STARTS_SECONDS", 0.0)
        assert look(connection, dagster).new == 1
        assert alerts(connection)[0].what == "The run failed outside of its steps: The worker is gone."
        assert progress.followed(connection) == []

    def test_it_is_waited_for_whether_a_run_will_be_retried(self, dagster, connection, monkeypatch):
        with monkeypatch.context() as patched:
            patched.setattr(dg.DagsterInstance, "run_retries_enabled", False)
            run_id = run(dagster, "breaks")  # its process was killed before it could say so
        assert look(connection, dagster).new == 0
        assert progress.followed(connection) == [run_id]
        monkeypatch.setattr(history, "RETRY_KNOWN_SECONDS", 0.0)
        assert look(connection, dagster).new == 1
        assert progress.followed(connection) == []


class TestRecovery:
    def test_a_check_that_passes_again_is_resolved_once(self, dagster, connection):
        run(dagster, "soft")
        run(dagster, "soft")
        look(connection, dagster)
        good = run(dagster)
        assert look(connection, dagster).resolved == 1
        run(dagster)
        assert look(connection, dagster).resolved == 0
        assert kinds(connection) == [("check_failed", "WARN", "soft")] * 2 + [("resolved", "WARN", "soft")]
        assert alerts(connection)[-1].run_id == good

    def test_another_shard_that_passes_resolves_nothing(self, dagster, connection):
        run(dagster, "soft")
        run(dagster, shard="shard-0001")
        assert look(connection, dagster).resolved == 0

    def test_a_run_that_ends_late_does_not_hide_that_its_check_failed_earlier(self, dagster, connection):
        slow = unfinished(dagster)
        evaluate(dagster, slow, passed=False)
        hidden = look(connection, dagster)
        run(dagster)
        assert (hidden.new, look(connection, dagster).resolved) == (1, 1)
        finish(dagster, slow)
        assert (look(connection, dagster).resolved, len(alerts(connection))) == (0, 2)

    def test_a_failure_after_the_pass_stays_open(self, dagster, connection):
        run(dagster)
        run(dagster, "soft")
        assert look(connection, dagster).resolved == 0


def unfinished(dagster):
    job = dg.Definitions(assets=[first, second]).resolve_implicit_global_asset_job_def()
    made = dagster.create_run_for_job(job, tags={"dagster/partition": "shard-0000"})
    dagster.report_dagster_event(
        DagsterEvent(DagsterEventType.RUN_START.value, job_name=made.job_name), run_id=made.run_id
    )
    assert dagster.get_run_by_id(made.run_id).status == DagsterRunStatus.STARTED
    return made


def evaluate(dagster, made, *, passed, check="soft"):
    found = dg.AssetCheckEvaluation(dg.AssetKey("first"), check, passed, partition="shard-0000")
    event = DagsterEvent(
        DagsterEventType.ASSET_CHECK_EVALUATION.value, job_name=made.job_name, event_specific_data=found
    )
    dagster.report_dagster_event(event, run_id=made.run_id)


def finish(dagster, made):
    dagster.report_dagster_event(
        DagsterEvent(DagsterEventType.RUN_SUCCESS.value, job_name=made.job_name), run_id=made.run_id
    )


class TestFollowing:
    def test_a_run_that_goes_on_is_read_at_every_look(self, dagster, connection):
        made = unfinished(dagster)
        assert look(connection, dagster).new == 0
        for number in range(3):
            evaluate(dagster, made, passed=False)
            assert look(connection, dagster).new == 1, number
        evaluate(dagster, made, passed=False)
        finish(dagster, made)
        assert look(connection, dagster).new == 1
        assert progress.followed(connection) == []

    def test_what_comes_after_the_end_is_read_as_well(self, dagster, connection, monkeypatch):
        monkeypatch.setattr(history, "LATE_SECONDS", 0.0)
        made = unfinished(dagster)
        finish(dagster, made)
        look(connection, dagster)
        evaluate(dagster, made, passed=False)
        assert look(connection, dagster).new == 1

    def test_a_run_that_started_long_ago_is_read_on_the_first_look(self, dagster, connection, monkeypatch):
        made = unfinished(dagster)
        evaluate(dagster, made, passed=False)
        monkeypatch.setattr(progress, "FIRST_LOOK_SECONDS", -3600.0)
        assert look(connection, dagster).new == 1

    def test_what_ended_before_the_first_days_is_left_in_peace(self, dagster, connection, monkeypatch):
        run(dagster, "soft")
        monkeypatch.setattr(progress, "FIRST_LOOK_SECONDS", -3600.0)
        assert look(connection, dagster).new == 0

    def test_a_look_without_time_goes_on_at_the_next_and_resolves_only_when_all_is_read(self, dagster, connection):
        run(dagster, "soft")
        run(dagster)
        assert not look(connection, dagster, seconds=0.0).complete
        assert alerts(connection) == []
        reader = history._Reader(connection, dagster, LOGGER, time.monotonic() + 30)
        over = iter([False, True])
        reader._over = lambda: next(over)
        reader.new_runs()
        assert kinds(connection) == [("check_failed", "WARN", "soft")]
        assert look(connection, dagster).resolved == 1

    def test_pages_are_read_to_the_end(self, dagster, connection, monkeypatch):
        monkeypatch.setattr(history, "PAGE", 2)
        for number in range(7):
            run(dagster, "soft", shard=f"shard-000{number % 2}")
        assert look(connection, dagster).new == 7

    def test_runs_of_one_moment_that_fill_a_page_are_all_read(self, dagster, connection, monkeypatch):
        from sqlalchemy import text

        for _ in range(5):
            run(dagster, "soft")
        with dagster.run_storage.connect() as storage:
            storage.execute(text("UPDATE runs SET update_timestamp = (SELECT max(update_timestamp) FROM runs)"))
        monkeypatch.setattr(history, "PAGE", 2)
        assert look(connection, dagster).new == 5

    def test_a_run_that_cannot_be_read_holds_no_other_up_and_is_tried_again(self, dagster, connection, monkeypatch):
        broken = run(dagster, "soft")
        run(dagster, "soft", shard="shard-0001")
        real = dg.DagsterInstance.get_records_for_run

        def reading(self, run_id, *arguments, **options):
            if run_id == broken:
                raise RuntimeError("its file is damaged")
            return real(self, run_id, *arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(dg.DagsterInstance, "get_records_for_run", reading)
            found = look(connection, dagster)
            assert (found.new, found.unread) == (1, 1)
        assert look(connection, dagster).new == 1

    def test_a_run_that_has_ended_is_not_read_at_every_look(self, dagster, connection, monkeypatch):
        run(dagster, "soft")
        look(connection, dagster)
        monkeypatch.setattr(dg.DagsterInstance, "get_records_for_run", None)
        assert look(connection, dagster).unread == 0

    def test_a_run_that_was_deleted_is_forgotten(self, dagster, connection):
        made = unfinished(dagster)
        look(connection, dagster)
        assert progress.followed(connection) == [made.run_id]
        dagster.delete_run(made.run_id)
        look(connection, dagster)
        assert progress.followed(connection) == []

    def test_old_runs_leave_no_rows_behind(self, dagster, connection):
        run(dagster)
        look(connection, dagster)
        with state.transaction(connection):
            progress.advance(connection, time.time() + 3 * progress.OVERLAP_SECONDS)
        look(connection, dagster)
        assert connection.execute("SELECT count(*) FROM alert_runs").fetchone()[0] == 0


def test_our_own_failing_state_is_not_taken_for_a_damaged_run(dagster, home, monkeypatch):
    import sqlite3

    run(dagster, "soft")

    def full(*arguments):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    monkeypatch.setattr(outbox, "add", full)
    with pytest.raises(UnicornError, match="disk is full"), outbox.opened(home.state) as connection:
        look(connection, dagster)
