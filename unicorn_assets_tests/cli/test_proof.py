"""`unicorn proof`: table and plot at the end, progress on the way, nothing twice."""

import subprocess
import sys

import pytest

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


def test_a_wrong_number_is_refused(tmp_path):
    done = run(tmp_path, "--seeds", "0")
    assert done.returncode == 2
    assert "--seeds" in done.stderr
