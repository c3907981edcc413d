"""A HOME whose lanes are at work: starts jobs in processes of their own, reads the diary, ends the workers."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import dagster as dg

from unicorn_assets.defs import instance
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import held
from unicorn_assets.processes import Process


def until(true, seconds=60.0):
    """Waits until `true()` is; returns what it gave."""
    deadline = time.monotonic() + seconds
    while True:
        found = true()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@dataclass(frozen=True)
class Entry:
    """A line of the diary."""

    what: str
    process: int
    device: str
    at: float


class LaneHome:
    def __init__(self, path):
        self.home = Home(path)
        self.home.prepare()
        self._started = []

    def settings(self, text):
        (self.home.path / "settings.toml").write_text(text)

    def start(self, job):
        command = [sys.executable, "-m", "unicorn_assets_tests.execution.lane_jobs", job]
        log = (self.home.path / "runs.log").open("ab")
        environment = os.environ | {"UNICORN_HOME": str(self.home.path)}
        with log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        self._started.append(process)
        return process

    def succeeds(self, job, seconds=90):
        return self.start(job).wait(seconds) == 0

    def diary(self, what=None):
        path = self.home.path / "diary"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        entries = [Entry(one, int(process), device, float(at)) for one, process, device, at in lines]
        return [entry for entry in entries if what in (None, entry.what)]

    def instance(self):
        return dg.DagsterInstance.from_config(str(instance.prepare(self.home)))

    def events(self, kind):
        """Events of all runs of that kind, as (step, timestamp, message)."""
        with self.instance() as opened:
            logs = [entry for run in opened.get_runs() for entry in opened.all_logs(run.run_id, of_type=kind)]
        return [(entry.dagster_event.step_key, entry.timestamp, entry.dagster_event.message) for entry in logs]

    def slot(self, name):
        return self.home.path / "lanes" / name

    def worker(self, name):
        return Process.read(json.loads((self.slot(name) / "worker.json").read_text())["worker"])

    def working(self):
        return [folder.name for folder in self.home.path.glob("lanes/*") if held(folder / "worker.lock")]

    def close(self):
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for name in self.working():
            if (self.slot(name) / "worker.json").exists():
                self.worker(name).signal(signal.SIGKILL)
        until(lambda: not self.working())
