"""Withdrawals that meet a kill, a run at work, a damaged file or a release."""

import signal
import subprocess
import sys

import pytest

from unicorn_assets.cli import withdraw as command
from unicorn_assets.errors import BusyError, CheckError, LakeError
from unicorn_assets.identity import sample_id
from unicorn_assets.stages import runner
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.cli.test_errors import unicorn
from unicorn_assets_tests.cli.withdraw.homes import KITE, WHY, home_of, ids_anywhere, stale
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.lake.making import PROCESSES, hold_run_lock


def test_no_release_goes_out_before_a_withdrawal_is_applied(do, made, mine):
    do(seed=KITE)
    tools = Tools(made, mine, make_encoder=lambda chosen: HashEncoder())
    with pytest.raises(CheckError, match="0 of 3 shards are complete and fresh"):
        runner.make(GRAPH["release"], tools, "all", graph=GRAPH, run_id="test")


def test_a_damaged_file_of_withdrawals_stops_what_reads_seeds_and_says_so(do, made, mine, capsys):
    do(seed=KITE, apply=True)
    made.withdrawals.path.write_text("{}\n" + made.withdrawals.path.read_text())
    assert stale(made, mine) >= {("seed_sources", "all"), ("pretrain_dataset", "shard-0000")}
    with pytest.raises(LakeError, match=r"Line 1 of .*withdrawn.jsonl is no withdrawal"):
        materialize(made, mine)
    done = unicorn("status", "--home", made.path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.replace("\n", " ").count("withdrawn.jsonl is no withdrawal") >= 2


def test_while_a_run_is_at_work_the_withdrawal_stands_and_applying_it_waits(do, made, capsys):
    here, there = PROCESSES.Pipe()
    child = PROCESSES.Process(target=hold_run_lock, args=(made.path, there))
    child.start()
    assert here.recv() == "held"
    with pytest.raises(BusyError, match="is working on HOME"):
        do(seed=KITE, apply=True)
    assert [one.name for one in made.withdrawals.in_force()] == [sample_id(KITE)]
    here.send("end")
    child.join(60)


CHILD = """
import os, signal, sys
from pathlib import Path
from unicorn_assets.cli import withdraw
from unicorn_assets.home import Home
withdraw.run = lambda *arguments, **options: os.kill(os.getpid(), signal.SIGKILL)
withdraw.withdraw(Home(Path(sys.argv[1])), {"seed": sys.argv[2]}, "why not", apply=True)
"""


def test_killed_between_record_and_making_it_goes_on_where_it_was(made, mine, do, capsys):
    done = subprocess.run([sys.executable, "-c", CHILD, str(made.path), KITE], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [one.why for one in made.withdrawals.in_force()] == ["why not"]
    assert stale(made, mine) >= {("seed_sources", "all")}
    again = do(seed=KITE, apply=True)
    assert again["new"] is False
    assert sample_id(KITE) not in ids_anywhere(made)
    assert do(seed=KITE, apply=True)["partitions"].keys() == {
        "seed_sources",
        "near_duplicates",
        "selection",
        "release",
    }, "and once more changes nothing"
    capsys.readouterr()
    command.withdraw(made, {"seed": KITE}, WHY)
    assert "The seeds and all shards stand as the withdrawals want them" in capsys.readouterr().out


def test_killed_after_the_sources_the_next_one_still_makes_the_shard(made, mine, do):
    do(seed=KITE)
    tools = Tools(made, mine, make_encoder=lambda chosen: HashEncoder())
    runner.make(GRAPH["seed_sources"], tools, "all", graph=GRAPH, run_id="killed after this")
    assert do(seed=KITE, apply=True)["partitions"]["caption_seeds"] == [home_of(sample_id(KITE))]
    assert sample_id(KITE) not in ids_anywhere(made)
