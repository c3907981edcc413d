"""Eight processes finish steps while a user's `unicorn sql` stays open: no lock error, no lost row, soon complete."""

import os
import subprocess
import sys
import time
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.graph import GRAPH, above_the_shards
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.lake.making import PROCESSES

SECONDS = float(os.environ.get("UNICORN_TEST_FIRE_SECONDS", "20"))
WORKERS = 8
SHARDS = 48
COMPLETE_SECONDS = 5.0
SHARDED = [stage for stage in GRAPH.values() if stage.sharded]


def steps(path: Path, recipe: Recipe, shards: list[str], tell: Connection) -> None:
    """Makes shard after shard, each through the whole chain, and those again that stand, until the time is over."""
    tools = Tools(Home(path), recipe, make_encoder=lambda chosen: HashEncoder())
    done, again, until = 0, False, time.monotonic() + SECONDS
    try:
        while time.monotonic() < until:
            for shard in shards:
                for stage in SHARDED:
                    make(stage, tools, shard, graph=GRAPH, run_id=f"{os.getpid()}.{done}", again=again)
                    done += 1
                if time.monotonic() >= until:
                    break
            again = True
        tell.send((done, ""))
    except BaseException as error:
        tell.send((done, repr(error)))


class LongQuery:
    """A real `unicorn sql` whose query reads a pipe: it stays open, at no cost, until the pipe is written to."""

    def __init__(self, home: Home, pipe: Path) -> None:
        os.mkfifo(pipe)
        read = f"read_csv('{pipe}', columns = {{'word': 'VARCHAR'}}, auto_detect = false, header = false)"
        query = f"SELECT (SELECT count(*) FROM materializations), word FROM {read}"
        command = [Path(sys.executable).with_name("unicorn"), "sql", "--csv", "--home", home.path, query]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                self._writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
                return
            except OSError:  # nobody reads yet
                assert self._process.poll() is None, self._process.communicate()[0]
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def end(self) -> str:
        """Lets the query end and returns what it printed."""
        assert self._process.poll() is None
        os.write(self._writer, b"still there\n")
        os.close(self._writer)
        printed = self._process.communicate(timeout=60)[0]
        assert self._process.returncode == 0, printed
        return printed


def expected(home: Home) -> dict[tuple[str, str], tuple[str, int, int, int, int]]:
    """The run and the counts of every shard that stands in the lake."""
    found = {}
    for stage in GRAPH:
        for made in home.lake.sidecars(stage):
            aside = (sum(made.rejected.values()), sum(made.not_selected.values()))
            found[made.stage, made.shard] = (made.run.run_id, made.rows_in, made.rows_out, *aside)
    return found


@pytest.mark.timeout(300)
def test_eight_processes_finish_steps_while_a_query_stays_open(home, recipe, tools, tmp_path):
    recipe = recipe.model_copy(update={"shards": SHARDS})
    tools.recipe = recipe
    home.prepare()
    home.adopt(recipe)
    for name in above_the_shards(recipe):
        make(GRAPH[name], tools, ALL, graph=GRAPH, run_id="test")
    query = LongQuery(home, tmp_path / "pipe")
    names, workers, seen = shard_names(SHARDS), [], [0]
    for number in range(WORKERS):
        here, there = PROCESSES.Pipe(duplex=False)
        worker = PROCESSES.Process(target=steps, args=(home.path, recipe, names[number::WORKERS], there))
        worker.start()
        there.close()
        workers.append((worker, here))
    while not all(here.poll() for _, here in workers):  # others ask too, meanwhile
        with home.catalog.snapshot() as connection:
            seen += connection.execute("SELECT count(*) FROM materializations").fetchone()
        time.sleep(1)
    told = [here.recv() for _, here in workers]
    last_step = time.monotonic()
    with home.catalog.snapshot() as connection:
        complete = time.monotonic() - last_step
        rows = connection.execute(
            "SELECT stage, shard, run_id, rows_in, rows_out, rejected, not_selected FROM materializations"
        ).fetchall()
        ended = connection.execute("SELECT stage, shard, sum(rows) FROM outcomes GROUP BY ALL").fetchall()
    for worker, _ in workers:
        worker.join(60)
    assert [error for _, error in told if error] == []
    # A shard whose files are just being replaced stays out until it is whole: at most one a process.
    assert all(later >= before - WORKERS for before, later in pairwise(seen)), seen
    found = {(stage, shard): tuple(counts) for stage, shard, *counts in rows}
    wanted = expected(home)
    assert found == wanted
    set_aside = {key: rejected + left for key, (_, _, _, rejected, left) in wanted.items() if rejected + left}
    assert {(stage, shard): int(total) for stage, shard, total in ended} == set_aside
    assert complete < COMPLETE_SECONDS
    assert not home.catalog.waiting()
    assert query.end().splitlines()[-1] == "2,still there"  # it saw the two that stood when it began
    made = sum(done for done, _ in told)
    assert made >= WORKERS * len(SHARDED)
    print(f"{made} steps in {SECONDS:.0f} s, {len(wanted)} shards; complete after {complete:.2f} s")
