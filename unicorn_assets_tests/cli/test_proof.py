"""`unicorn proof`: table and plot at the end, progress on the way, nothing twice."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unicorn_assets.lake.locks import locked
from unicorn_assets.processes import Process
from unicorn_assets.proof.report import PLOT, TABLE

COMMAND = [sys.executable, "-c", "from unicorn_assets.cli.main import entry; entry()", "proof", "--size", "tiny"]


def run(home, *options):
    return subprocess.run([*COMMAND, "--home", str(home), *options], capture_output=True, text=True, timeout=280)


@pytest.mark.timeout(600)
def test_two_worlds_side_by_side_then_nothing_is_left_to_do(tmp_path):
    done = run(tmp_path / "home", "--seeds", "2", "--jobs", "2", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "seed 1: 21 of 21: instruction_50" in done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "out" / TABLE)
    assert (tmp_path / "out" / TABLE).read_text() in done.stdout
    assert (tmp_path / "out" / PLOT).stat().st_size > 10_000

    again = run(tmp_path / "home", "--seeds", "2", "--jobs", "1")
    assert "of 21" not in again.stderr
    assert (tmp_path / "home" / "proof" / "tiny" / TABLE).read_text().splitlines()[:9] == done.stdout.splitlines()[:9]


@pytest.mark.timeout(300)
def test_a_world_that_another_works_on_is_said_to_be_busy(tmp_path):
    with locked(tmp_path / "proof" / "tiny" / "seed-1" / "lock", what="it", wait_seconds=0):
        done = run(tmp_path, "--seeds", "2", "--jobs", "2")
    assert done.returncode == 1
    assert "seed-1" in done.stderr
    assert f"{os.getpid()}" in done.stderr


@pytest.mark.timeout(300)
def test_no_worker_outlives_the_command(tmp_path):
    command = [*COMMAND, "--home", str(tmp_path), "--seeds", "2", "--jobs", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert child.stderr.readline().startswith("seed ")
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        workers = [Process.of(int(number)) for number in children]
        assert len(workers) >= 2
        child.kill()
    deadline = time.monotonic() + 20
    while any(worker.lives for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_wrong_number_is_refused(tmp_path):
    done = run(tmp_path, "--seeds", "0")
    assert done.returncode == 2
    assert "--seeds" in done.stderr
