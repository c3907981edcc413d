"""Servers and runs are small scripts here: what is told apart are processes and sessions."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from unicorn_assets.processes import Process

KEEP = """
import sys
from unicorn_assets.cli import keeper
from unicorn_assets.cli.keeper import Keeper, Parts
keeper.POLL_SECONDS, keeper.MISSED_SECONDS = 0.05, 0.5
sys.exit(Keeper([sys.executable, *sys.argv[1:]], Parts("the-needed", ("the-needed", "server.py")), print).run())
"""
SERVER = """
import os, subprocess, sys, time
folder = sys.argv[1]
lives = len(os.listdir(folder))
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
needed = subprocess.Popen([*sleep, "the-needed"])
run = subprocess.Popen([*sleep, "a-run"])
open(os.path.join(folder, str(lives)), "w").write(f"{needed.pid} {run.pid}")
time.sleep(0 if "--short" in sys.argv else 600)
"""


@pytest.fixture
def kept(tmp_path):
    """Starts a keeper; gives it, and a function that waits for the processes of a life of its server."""
    (tmp_path / "server.py").write_text(textwrap.dedent(SERVER))
    lives, started, seen = tmp_path / "lives", [], []
    lives.mkdir()

    def start(*arguments):
        command = [sys.executable, "-u", "-c", KEEP, str(tmp_path / "server.py"), str(lives), *arguments]
        started.append(subprocess.Popen(command))
        return started[-1]

    def life(number):
        path, deadline = lives / str(number), time.monotonic() + 30
        while not (path.is_file() and len(path.read_text().split()) == 2):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        seen.extend(found := [Process.of(int(one)) for one in path.read_text().split()])
        return found

    yield start, life
    for one in started:
        one.kill()
        one.wait()
    for process in seen:
        process.signal(signal.SIGKILL)


def gone(process):
    deadline = time.monotonic() + 10
    while process.lives and time.monotonic() < deadline:
        time.sleep(0.05)
    return not process.lives


def test_a_run_goes_on_over_a_new_beginning_and_ends_with_the_keeper(kept):
    start, life = kept
    keeper = start()
    needed, run = life(0)
    time.sleep(1)  # what was never seen is not missed
    os.kill(needed.number, signal.SIGKILL)
    second = life(1)
    assert run.lives
    keeper.send_signal(signal.SIGTERM)
    assert keeper.wait(30) == 0
    assert gone(run)
    assert all(gone(process) for process in second)


def test_what_does_not_stay_up_leaves_no_run_behind(kept):
    start, life = kept
    keeper = start("--short")
    runs = [life(number)[1] for number in range(3)]
    assert keeper.wait(30) == 1
    assert all(gone(run) for run in runs)
