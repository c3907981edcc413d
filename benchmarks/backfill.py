"""A backfill as people start it, by part: `python -m benchmarks.backfill [--shards N] [--postgres]`.

A real `unicorn dev` on an empty HOME with the real encoder and few rows a shard, so that what is measured is what the
platform adds: the launch of each run, the hand-over of each step, its events, and the gaps between them. Where the
daemon only waits for its next look is not counted. For --postgres, Debian's package has to be installed.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType as Kind

from benchmarks.pipeline import small
from unicorn_assets import settings
from unicorn_assets.defs import instance
from unicorn_assets.execution import postgres
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.graph import above_the_shards
from unicorn_assets_tests.postgres import cluster
from unicorn_assets_tests.serving import served

SHARDED = [name for name, stage in UPSTREAM.items() if stage.sharded]
OVERHEAD_SECONDS, START_SECONDS = 8.0, 0.3


@dataclass(frozen=True)
class Run:
    """One run's times, in seconds since 1970, by event and step; and the process of each step."""

    status: str
    at: Mapping[tuple[Kind, str], float]
    processes: Mapping[str, str]

    def between(self, step: str, first: Kind, last: Kind) -> float:
        """Seconds from one event of a step to another."""
        return self.at[last, step] - self.at[first, step]


def backfilled(home: Home, shards: int, patience: float) -> None:
    """Materializes the sources, then backfills every shard as the web UI does."""
    home.prepare()
    recipe = small(shards)
    home.adopt(recipe)
    settings.update(home.path, "schedule", on=False)
    with served(home) as deployment:
        if deployment.wait_run(deployment.materialize(above_the_shards(recipe)), patience) != "SUCCESS":
            raise SystemExit(deployment.tail())
        status = deployment.wait_backfill(deployment.backfill(SHARDED, shard_names(shards)), patience)
        print(f"backfill of {shards} shards       {status}")
        locked = deployment.log.read_text(errors="replace").count("database is locked")
        print(f"'database is locked'        {locked:8d}    (none)")


def read(home: Home) -> list[Run]:
    """The runs of the shards, in the order of their launch."""
    runs = []
    with dg.DagsterInstance.from_config(str(instance.prepare(home))) as opened:
        for run in opened.get_runs():
            if "dagster/partition" not in run.tags:
                continue
            at: dict[tuple[Kind, str], float] = {}
            processes: dict[str, str] = {}
            for entry in opened.all_logs(run.run_id):
                event = entry.dagster_event
                if event is None:
                    continue
                step = event.step_key or ""
                at.setdefault((event.event_type, step), entry.timestamp)
                if event.event_type == Kind.STEP_WORKER_STARTED:
                    processes[step] = str(event.engine_event_data.metadata["pid"].value)
            runs.append(Run(run.status.value, at, processes))
    return sorted(runs, key=lambda run: run.at[Kind.RUN_STARTING, ""])


def own_seconds(home: Home) -> dict[str, list[float]]:
    """Seconds that the steps' own work took, by asset."""
    own: dict[str, list[float]] = defaultdict(list)
    for path in home.lake.root.glob("*/shard-*.json"):
        own[path.parent.name].append(float(json.loads(path.read_text())["run"]["seconds"]))
    return own


def gaps(runs: list[Run]) -> float:
    """Seconds in which no run was on: the daemon waited for its next look."""
    idle, reached = 0.0, runs[0].at[Kind.RUN_STARTING, ""]
    for run in runs:
        idle += max(0.0, run.at[Kind.RUN_STARTING, ""] - reached)
        reached = max(reached, run.at.get((Kind.RUN_SUCCESS, ""), reached))
    return idle


def report(home: Home, shards: int) -> None:
    runs = read(home)
    done = [run for run in runs if run.status == "SUCCESS"]
    print(f"runs that failed            {len(runs) - len(done):8d}    (none)")
    own = own_seconds(home)
    worked = sum(sum(seconds) for seconds in own.values())
    wall = max(run.at[Kind.RUN_SUCCESS, ""] for run in done) - done[0].at[Kind.RUN_STARTING, ""] - gaps(done)
    print(
        f"overhead a shard            {(wall - worked) / shards:8.2f} s  (under {OVERHEAD_SECONDS} s; {wall:.0f} s of "
        f"wall time, of which {worked:.0f} s were the assets' own work)"
    )
    print("by part, median of the runs, which overlap:")
    for name, first, last in (
        ("launch of the run", Kind.RUN_STARTING, Kind.RUN_START),
        ("from its start to its end", Kind.RUN_START, Kind.RUN_SUCCESS),
    ):
        print(f"  {name:<26}{statistics.median(run.between('', first, last) for run in done):8.2f} s")
    steps = [(run, step) for run in done for step in SHARDED]
    handed = [run.between(step, Kind.STEP_WORKER_STARTING, Kind.STEP_WORKER_STARTED) for run, step in steps]
    began = [run.between(step, Kind.STEP_WORKER_STARTED, Kind.STEP_START) for run, step in steps]
    worked_of = {step: statistics.median(seconds) for step, seconds in own.items()}
    kept = [run.between(step, Kind.STEP_START, Kind.STEP_SUCCESS) - worked_of[step] for run, step in steps]
    print(f"  a step waits for a worker {statistics.median(handed):8.2f} s  (which may be busy with another run)")
    print(f"  a warm step's start       {statistics.median(began):8.2f} s  (under {START_SECONDS} s)")
    print(f"  its events and checks     {statistics.median(kept):8.2f} s")
    encoders = {run.processes["text_embeddings"] for run in done}
    print(f"processes that embedded     {len(encoders):8d}    (1: the model is loaded once for all {len(done)} runs)")


@contextlib.contextmanager
def storage(on_postgres: bool) -> Iterator[None]:
    """Dagster's storage for the block: SQLite, or a Postgres server of its own."""
    if not on_postgres:
        os.environ.pop(postgres.VARIABLE, None)
        yield
        return
    with cluster() as server:
        os.environ[postgres.VARIABLE] = server.database("dagster")
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds for the whole backfill")
    options = parser.parse_args()
    os.environ.pop("UNICORN_HOME", None)
    with tempfile.TemporaryDirectory(prefix="unicorn-bench-") as name, storage(options.postgres):
        home = Home(Path(name) / "home")
        started = time.monotonic()
        backfilled(home, options.shards, options.patience)
        print(f"all in all                  {time.monotonic() - started:8.0f} s")
        report(home, options.shards)


if __name__ == "__main__":
    main()
