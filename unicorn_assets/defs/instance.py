"""Dagster's own storage under HOME: made once, under a lock, before anybody opens it.

Webserver and daemon that start together on an empty SQLite folder can break it for good.
"""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from unicorn_assets.execution.internals import NOOP_COMPUTE_LOGS
from unicorn_assets.home import Home
from unicorn_assets.lake.files import write_whole
from unicorn_assets.lake.locks import locked

START_WAIT_SECONDS = 60.0

# No path stands here, so that a HOME can be moved: Dagster keeps its SQLite files beside its configuration.
CONFIG = {
    "telemetry": {"enabled": False},
    # No invitation to sign up over the first page.
    "nux": {"enabled": False},
    # The framework's own debug lines drown the one summary line a shard.
    "python_logs": {"python_log_level": "INFO"},
    # Knows whether a run's process lives, so that the monitoring below sees one that was killed.
    "run_launcher": {"module": "unicorn_assets.execution.launcher", "class": "WatchedLauncher"},
    "run_monitoring": {
        "enabled": True,
        "poll_interval_seconds": 10,
        "start_timeout_seconds": 180,
        "cancel_timeout_seconds": 30,
        # Without it a run that was killed keeps its place in the pool for ever.
        "free_slots_after_run_end_seconds": 10,
    },
    # Of a run whose process died. A step that fails has retries of its own, and then the schedule's tries.
    "run_retries": {"enabled": True, "max_retries": 3, "retry_on_asset_or_op_failure": False},
    "concurrency": {"runs": {"max_concurrent_runs": 4}, "pools": {"granularity": "op"}},
}

COMMAND_FILE = "command.yaml"
WORKSPACE_FILE = "workspace.yaml"
WORKSPACE = {
    "load_from": [{"python_module": {"module_name": "unicorn_assets.definitions", "location_name": "unicorn_assets"}}]
}


def _command_config(folder: Path) -> dict[str, Any]:
    """For runs in the command's own process: the same storage, with less spent on each event.

    No copy of the output is kept, which would cost two child processes a step: a command's output is its own.
    """
    history, module = folder / "history", "unicorn_assets.execution.storage"
    return CONFIG | {
        "compute_logs": NOOP_COMPUTE_LOGS,
        "run_storage": {"module": module, "class": "KeptEngine", "config": {"base_dir": f"{history}/"}},
        "event_log_storage": {"module": module, "class": "KeptEngines", "config": {"base_dir": f"{history}/runs/"}},
    }


def quiet_telemetry() -> None:
    """Turns off telemetry in this process and its children, whatever the instance says."""
    for name, value in (
        ("DAGSTER_DISABLE_TELEMETRY", "1"),
        ("HF_HUB_DISABLE_TELEMETRY", "1"),
        ("DO_NOT_TRACK", "1"),
    ):
        os.environ.setdefault(name, value)


def prepare(home: Home) -> Path:
    """Makes the storage and its configuration if there is none, and returns its folder.

    Raises:
        BusyError: another process has been making it for a minute.
        LakeError: the folder cannot be written.
    """
    quiet_telemetry()
    with locked(home.path / "locks" / "dagster", what="Dagster's storage", wait_seconds=START_WAIT_SECONDS):
        if not (home.dagster / "dagster.yaml").is_file():
            write_whole(home.dagster / "dagster.yaml", yaml.safe_dump(CONFIG))
        write_whole(home.dagster / WORKSPACE_FILE, yaml.safe_dump(WORKSPACE))
        # Written each time, since it names the folder and a HOME may have been moved.
        write_whole(home.dagster / COMMAND_FILE, yaml.safe_dump(_command_config(home.dagster)))
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            instance.get_runs(limit=1)  # touches run storage; the event log and schedules are made on construction
    return home.dagster


def open_instance(home: Home) -> dg.DagsterInstance:
    """The instance of a command, whose storage stands under HOME; the caller closes it."""
    return dg.DagsterInstance.from_config(str(prepare(home)), COMMAND_FILE)
