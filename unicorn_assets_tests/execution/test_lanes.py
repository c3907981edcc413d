"""The lanes for real: warm workers, one a slot, renewed when out of date, watched at work, never left behind."""

import os
import signal
import time

import dagster as dg

from unicorn_assets.execution import tags
from unicorn_assets_tests.execution.lane_home import until

FAILURE, RETRY = dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.STEP_UP_FOR_RETRY


def test_a_model_is_loaded_once_for_several_runs_and_steps_start_at_once(lane_home):
    assert lane_home.succeeds("warm")
    assert lane_home.succeeds("warm")
    assert len(lane_home.diary("loaded")) == 1
    used, followed = lane_home.diary("used"), lane_home.diary("followed")
    assert len({entry.process for entry in used}) == 1
    assert len({entry.process for entry in followed}) == 1
    assert used[0].process != followed[0].process
    assert sorted(lane_home.working()) == ["cpu-0", "gpu-0"]


def test_each_device_has_a_worker_and_all_are_busy(lane_home):
    lane_home.settings('[lanes]\nidle_seconds = 60\ndevices = ["3", "5"]\n')
    runs = [lane_home.start("only_wait_to_be_stopped") for _ in range(2)]
    waiting = until(lambda: len(found := lane_home.diary("waiting")) == 2 and found)
    assert {entry.device for entry in waiting} == {"3", "5"}
    with lane_home.instance() as opened:
        [pool] = opened.event_log_storage.get_pool_limits()
        assert (pool.name, pool.limit) == (tags.GPU_POOL, 4)
    for run in runs:
        run.send_signal(signal.SIGINT)
    assert [run.wait(30) for run in runs] == [1, 1]


def test_a_change_of_the_settings_or_the_recipe_renews_the_workers(lane_home):
    assert lane_home.succeeds("only_use_model")
    lane_home.settings("[lanes]\nidle_seconds = 61\n")
    assert lane_home.succeeds("only_use_model")
    (lane_home.home.path / "recipe.toml").write_text("name = 'another'\n")
    assert lane_home.succeeds("only_use_model")
    assert len({entry.process for entry in lane_home.diary("loaded")}) == 3


def test_a_worker_that_dies_is_noticed_at_once_and_its_step_tried_again(lane_home):
    assert lane_home.succeeds("only_die_once")
    first, second = lane_home.diary("tried")
    assert first.process != second.process
    [(step, noticed, _)] = lane_home.events(RETRY)
    assert step == "die_once"
    assert noticed - first.at < 5
    with lane_home.instance() as opened:
        assert not opened.event_log_storage.get_concurrency_info(tags.GPU_POOL).claimed_slots


def test_a_step_that_always_kills_its_worker_fails_and_names_the_log(lane_home):
    assert not lane_home.succeeds("only_die_always")
    assert len(lane_home.diary("tried")) == 2
    with lane_home.instance() as opened:
        [run] = opened.get_runs()
        [failed] = opened.all_logs(run.run_id, of_type=FAILURE)
    reason = failed.dagster_event.step_failure_data.error.message
    assert "died" in reason
    assert str(lane_home.slot("gpu-0") / "worker.log") in reason


def test_a_step_that_hangs_is_ended_by_its_own_time_out_and_tried_again(lane_home):
    assert lane_home.succeeds("only_hang_once")
    first, second = lane_home.diary("tried")
    [(_, noticed, _)] = lane_home.events(RETRY)
    assert 1 < noticed - first.at < 7
    assert first.process != second.process


def test_a_slow_step_that_gets_on_is_left_alone(lane_home):
    assert lane_home.succeeds("only_work_slowly")
    assert len(lane_home.diary("worked")) == 1


def test_a_step_that_takes_too_much_memory_is_ended(lane_home):
    lane_home.settings("[lanes]\nidle_seconds = 60\nmemory_mib = 700\n")
    assert lane_home.succeeds("only_grow_once")
    [(_, _, message)] = lane_home.events(RETRY)
    assert len(lane_home.diary("tried")) == 2
    assert "died" not in message


def test_a_step_that_fails_leaves_its_worker_warm(lane_home):
    assert not lane_home.succeeds("only_raise_error")
    before = lane_home.worker("cpu-0")
    assert lane_home.succeeds("warm")
    assert lane_home.worker("cpu-0") == before


def cancelled(lane_home, job):
    """Cancels a run whose step waits; seconds until the run, its step and its place in the pool are gone."""
    run = lane_home.start(job)
    until(lambda: lane_home.diary("waiting"))
    with lane_home.instance() as opened:
        assert opened.event_log_storage.get_concurrency_info(tags.GPU_POOL).claimed_slots
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        run.wait(30)
        until(lambda: not opened.event_log_storage.get_concurrency_info(tags.GPU_POOL).claimed_slots, 10)
        until(lambda: not lane_home.working(), 10)
        return time.monotonic() - began


def test_cancelling_a_run_stops_its_step_and_frees_its_place(lane_home):
    assert cancelled(lane_home, "only_wait_to_be_stopped") < 10
    assert len(lane_home.diary("stopped")) == 1


def test_cancelling_ends_a_step_that_does_not_listen(lane_home):
    assert cancelled(lane_home, "only_wait_and_ignore") < 10


def test_a_step_ends_with_the_killed_process_of_its_run(lane_home):
    run = lane_home.start("only_wait_to_be_stopped")
    until(lambda: lane_home.diary("waiting"))
    os.killpg(run.pid, signal.SIGKILL)
    until(lambda: lane_home.diary("stopped"), 10)
    until(lambda: not lane_home.working(), 10)


def test_an_idle_worker_ends_on_sigterm_and_by_itself(lane_home):
    assert lane_home.succeeds("only_use_model")
    lane_home.worker("gpu-0").signal(signal.SIGTERM)
    until(lambda: not lane_home.working(), 5)
    lane_home.settings("[lanes]\nidle_seconds = 1\n")
    assert lane_home.succeeds("only_use_model")
    until(lambda: not lane_home.working(), 10)


def test_a_worker_at_work_ends_on_sigterm(lane_home):
    run = lane_home.start("only_wait_to_be_stopped")
    until(lambda: lane_home.diary("waiting"))
    lane_home.worker("gpu-0").signal(signal.SIGTERM)
    until(lambda: not lane_home.working(), 10)
    assert run.wait(30) == 1


def test_the_lanes_work_below_a_long_path(tmp_path):
    from unicorn_assets_tests.execution.lane_home import LaneHome

    made = LaneHome(tmp_path / ("a long name " * 12))
    try:
        assert made.succeeds("only_use_model")
    finally:
        made.close()
