import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from unicorn_assets.errors import BusyError, LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake import locks
from unicorn_assets.lake.locks import locked, shared
from unicorn_assets_tests.lake.making import PROCESSES, hold_run_lock


@pytest.fixture
def holder(tmp_path):
    """Another process that works on HOME."""
    here, there = PROCESSES.Pipe()
    child = PROCESSES.Process(target=hold_run_lock, args=(tmp_path, there))
    child.start()
    there.close()
    assert here.recv() == "held"
    yield child, here
    child.kill()
    child.join()


def test_a_second_run_on_one_home_is_refused_by_name(tmp_path, holder):
    child, _ = holder
    with pytest.raises(BusyError) as caught, Home(tmp_path).lock():
        pass
    assert f"(id {child.pid}) is working on HOME {tmp_path}" in caught.value.what
    assert "another --home" in caught.value.cure
    assert caught.value.retryable


def test_killing_the_holder_frees_the_lock_at_once(tmp_path, holder):
    child, _ = holder
    child.kill()
    child.join()
    with Home(tmp_path).lock():
        assert (tmp_path / "locks" / "run").read_text() == str(os.getpid())


def test_waiting_ends_when_the_holder_does(tmp_path, holder):
    _, tell = holder
    threading.Timer(0.2, tell.send, ["stop"]).start()
    with locked(tmp_path / "locks" / "run", what="HOME", wait_seconds=30):
        pass


def test_waiting_ends_in_time(tmp_path, holder):
    begun = time.monotonic()
    with pytest.raises(BusyError), locked(tmp_path / "locks" / "run", what="HOME", wait_seconds=0.2):
        pass
    assert 0.2 <= time.monotonic() - begun < 5


def test_who_looks_at_a_lock_at_this_moment_refuses_nobody(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # as `held` does
    monkeypatch.setattr(locks, "POLL_SECONDS", 0.5)
    threading.Timer(0.1, os.close, [descriptor]).start()
    with locked(path, what="it", wait_seconds=0):
        assert locks.held(path)


def test_two_threads_keep_each_other_out_too(tmp_path):
    path = tmp_path / "lock"
    with locked(path, what="it", wait_seconds=0), pytest.raises(BusyError), locked(path, what="it", wait_seconds=0):
        pass


def test_an_error_inside_frees_the_lock(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyError), locked(tmp_path / "lock", what="it", wait_seconds=0):
            raise KeyError


def test_steps_of_different_shards_do_not_wait_for_each_other(tmp_path):
    home = Home(tmp_path)
    with (
        home.step_lock("caption_seeds", "shard-0000", 0),
        home.step_lock("caption_seeds", "shard-0001", 0),
        pytest.raises(BusyError, match=r"caption_seeds \[shard-0001\]"),
        home.step_lock("caption_seeds", "shard-0001", 0),
    ):
        pass


def test_a_lock_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(LakeError, match="/file cannot be written"),
        locked(tmp_path / "file" / "locks", what="it", wait_seconds=0),
    ):
        pass
    # A file system that takes no lock file: the system's refusal, not a traceback.
    with pytest.raises(LakeError, match="/proc/version"), locked(Path("/proc/version"), what="it", wait_seconds=0):
        pass


def test_those_who_share_a_lock_keep_off_who_wants_it_alone_and_the_other_way_round(tmp_path):
    path = tmp_path / "lock"
    with (
        shared(path, what="it"),
        shared(path, what="it"),
        pytest.raises(BusyError, match="working on it"),
        locked(path, what="it", wait_seconds=0),
    ):
        pass
    with (
        locked(path, what="it", wait_seconds=0),
        pytest.raises(BusyError, match=f"id {os.getpid()}"),
        shared(path, what="it"),
    ):
        pass
    with shared(path, what="it"):
        pass
