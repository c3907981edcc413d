"""Runs under the real daemon: cancelled by the web UI with and without their code server, and taken up when killed."""

import os
import signal
import time
from datetime import timedelta

import pytest

from unicorn_assets.execution import runs, tags
from unicorn_assets.processes import Process
from unicorn_assets_tests.execution.lane_home import until
from unicorn_assets_tests.serving import served

CURSOR = "EVENT_LOG_CONSUMER_CURSOR-PIPELINE_FAILURE"
MODULE = "unicorn_assets_tests.execution.lane_jobs"
LAUNCH = """
mutation($job: String!) { launchRun(executionParams: {
  selector: {repositoryName: "__repository__", repositoryLocationName: "unicorn_assets_tests.execution.lane_jobs",
    jobName: $job}, runConfigData: "{}"
}) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TERMINATE = """
mutation($id: String!) { terminateRun(runId: $id) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""


def launch(deployment, job):
    launched = deployment.ask(LAUNCH, job=job)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["runId"]


def terminate(deployment, run_id):
    """Cancels a run as the UI's button does; seconds until it is over."""
    began = time.monotonic()
    answer = deployment.ask(TERMINATE, id=run_id)["terminateRun"]
    assert answer["__typename"] == "TerminateRunSuccess", answer
    assert deployment.wait_run(run_id, 30) == "CANCELED"
    return time.monotonic() - began


def claimed(lane_home):
    with lane_home.instance() as opened:
        return opened.event_log_storage.get_concurrency_info(tags.GPU_POOL).claimed_slots


def worker_of(lane_home, run_id):
    with lane_home.instance() as opened:
        return runs.worker(opened.get_run_by_id(run_id))


@pytest.mark.timeout(300)
def test_cancelling_by_the_web_ui_frees_everything_with_and_without_the_code_server(lane_home):
    with served(lane_home.home, how=f"module:{MODULE}") as deployment:
        first = launch(deployment, "only_wait_to_be_stopped")
        until(lambda: lane_home.diary("waiting"))
        assert claimed(lane_home)
        assert terminate(deployment, first) < 10
        until(lambda: not claimed(lane_home) and lane_home.diary("stopped"), 10)
        second = launch(deployment, "only_wait_to_be_stopped")
        until(lambda: len(lane_home.diary("waiting")) == 2)
        for number, command in deployment.processes().items():
            if "api grpc" in " ".join(command):
                os.kill(number, signal.SIGKILL)
        assert terminate(deployment, second) < 10
        until(lambda: not claimed(lane_home) and len(lane_home.diary("stopped")) == 2, 10)


@pytest.mark.timeout(300)
def test_a_run_whose_process_was_killed_is_ended_and_tried_again(lane_home):
    with served(lane_home.home, how=f"module:{MODULE}") as deployment:
        first = launch(deployment, "only_wait_to_be_stopped")
        until(lambda: lane_home.diary("waiting"))
        worker_of(lane_home, first).signal(signal.SIGKILL)
        assert deployment.wait_run(first, 60) == "FAILURE"
        until(lambda: len(lane_home.diary("waiting")) == 2, 120)
        again = next(run_id for run_id, status in deployment.runs().items() if status == "STARTED")
        assert claimed(lane_home)
        terminate(deployment, again)


@pytest.mark.timeout(300)
def test_a_retry_that_the_daemon_has_overlooked_is_asked_for_once_more(lane_home):
    with served(lane_home.home, how=f"module:{MODULE}") as deployment, lane_home.instance() as opened:
        first = launch(deployment, "only_wait_to_be_stopped")
        until(lambda: lane_home.diary("waiting"))
        # The daemon's place in the log of failures: beyond this one, as if it had looked before the status stood.
        opened.run_storage.set_cursor_values({CURSOR: str(10**9)})
        worker_of(lane_home, first).signal(signal.SIGKILL)
        assert deployment.wait_run(first, 60) == "FAILURE"
        until(lambda: opened.get_run_by_id(first).tags.get(tags.WILL_RETRY) == "true")
        opened.run_storage.set_cursor_values({CURSOR: str(opened.event_log_storage.get_maximum_record_id())})
        time.sleep(12)  # the daemon looks every five seconds
        assert tags.RETRIED_BY not in opened.get_run_by_id(first).tags
        assert runs.remind(opened) == []  # it may still come by itself
        assert runs.remind(opened, timedelta(0)) == [first]
        until(lambda: len(lane_home.diary("waiting")) == 2, 120)
        assert runs.remind(opened, timedelta(0)) == []
        terminate(deployment, opened.get_run_by_id(first).tags[tags.RETRIED_BY])
        assert len(opened.get_runs()) == 2


def test_a_command_ends_the_runs_of_a_killed_one_first(lane_home):
    run = lane_home.start("only_wait_to_be_stopped")
    until(lambda: lane_home.diary("waiting"))
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    with lane_home.instance() as opened:
        assert [one.status.value for one in opened.get_runs()] == ["STARTED"]
        [ended] = runs.reap(opened)
        assert opened.get_run_by_id(ended).status.value == "FAILURE"
        assert runs.reap(opened) == []
    assert not claimed(lane_home)


def test_a_process_of_another_host_is_not_judged():
    here = Process.of(os.getpid()).written()
    assert Process.read(here).lives
    assert Process.read(here.replace(here.split()[0], "elsewhere", 1)) is None
