"""Dagster's instance under HOME: its storage in SQLite or Postgres, made once, before anybody opens it.

Webserver and daemon that start together on an empty storage can break it for good. With UNICORN_POSTGRES_URL set, every
command of ours keeps runs and events there; the address stands in no file, which name the variable.
"""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from unicorn_assets import settings
from unicorn_assets.execution import postgres
from unicorn_assets.execution.internals import NOOP_COMPUTE_LOGS
from unicorn_assets.execution.lanes import admitted
from unicorn_assets.execution.requested import PARTITION
from unicorn_assets.home import Home
from unicorn_assets.lake.files import write_whole
from unicorn_assets.lake.locks import locked

START_WAIT_SECONDS = 60.0
SERVER_WAIT_SECONDS = 3.0
"""How long a command waits for a Postgres server before it says that there is none."""

LEAST_RUNS = 4
"""Runs of shards that go on at once, however few devices there are."""
LOOKS = 2
"""Places beyond them that no shard may take: whoever looks something up does not wait for shards that take hours."""


def _runs(shards: int) -> dict[str, Any]:
    limits = [{"key": PARTITION, "limit": shards}]
    return {"max_concurrent_runs": shards + LOOKS, "tag_concurrency_limits": limits}


# What all instances share, whatever their storage. No path stands here, so that a HOME can be moved: Dagster keeps its
# files beside its configuration.
CONFIG: dict[str, Any] = {
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
    # A run that is to be launched while its code server is away waits for it, instead of failing at once.
    "run_queue": {"max_user_code_failure_retries": 20, "user_code_failure_retry_delay": 15},
    "concurrency": {"runs": _runs(LEAST_RUNS), "pools": {"granularity": "op"}},
}

EXECUTION = "unicorn_assets.execution"
POSTGRES_STORAGE: dict[str, Any] = {
    "module": f"{EXECUTION}.postgres_storage",
    "class": "PostgresStorage",
    "config": {"postgres_url": {"env": postgres.VARIABLE}},
}
POSTGRES_CONFIG = {"storage": {"custom": POSTGRES_STORAGE}}
POSTGRES_FOLDER = "postgres"


def _files(folder: str) -> dict[str, Any]:
    return {
        "local_artifact_storage": {
            "module": f"{EXECUTION}.home_storage",
            "class": "HomeArtifacts",
            "config": {"folder": folder},
        },
        "compute_logs": {"module": f"{EXECUTION}.home_storage", "class": "HomeLogs", "config": {"folder": folder}},
    }


# The instance files of the repository, for people who start Dagster's own commands: they stand outside HOME.
REPOSITORY_CONFIGS: dict[str, dict[str, Any]] = {
    "dagster.yaml": CONFIG
    | {"storage": {"custom": {"module": f"{EXECUTION}.home_storage", "class": "HomeStorage"}}}
    | _files("."),
    "deploy/postgres/dagster.yaml": CONFIG | POSTGRES_CONFIG | _files(POSTGRES_FOLDER),
}

WRITTEN = "# Written by unicorn at each start; what you change here is lost. Another instance: set DAGSTER_HOME.\n"
COMMAND_FILE = "command.yaml"
WORKSPACE_FILE = "workspace.yaml"
LOCATION = "unicorn_assets"
"""The code location's name, which paths of the web UI have in them."""
WORKSPACE = {"load_from": [{"python_module": {"module_name": "unicorn_assets.definitions", "location_name": LOCATION}}]}


def config_of(home: Home) -> dict[str, Any]:
    """What all instances share, with as many runs at once as the devices of the settings can use.

    Raises:
        RecipeError: the settings cannot be used.
    """
    runs = _runs(max(LEAST_RUNS, admitted(settings.load(home.path))))
    return CONFIG | {"concurrency": CONFIG["concurrency"] | {"runs": runs}}


def _asked_for_postgres() -> bool:
    return bool(os.environ.get(postgres.VARIABLE))


def _command_config(folder: Path) -> dict[str, Any]:
    """For runs in the command's own process: the same storage, with less spent on each event.

    No copy of the output is kept, which would cost two child processes a step: a command's output is its own.
    """
    history, module = folder / "history", f"{EXECUTION}.storage"
    storage: dict[str, Any] = {
        "run_storage": {"module": module, "class": "KeptEngine", "config": {"base_dir": f"{history}/"}},
        "event_log_storage": {"module": module, "class": "KeptEngines", "config": {"base_dir": f"{history}/runs/"}},
    }
    if _asked_for_postgres():
        config = POSTGRES_STORAGE["config"] | {"keep_connections": True}
        storage = {"storage": {"custom": POSTGRES_STORAGE | {"config": config}}}
    return CONFIG | {"compute_logs": NOOP_COMPUTE_LOGS} | storage


def quiet_telemetry() -> None:
    """Turns off telemetry in this process and its children, whatever the instance says."""
    for name, value in (
        ("DAGSTER_DISABLE_TELEMETRY", "1"),
        ("HF_HUB_DISABLE_TELEMETRY", "1"),
        ("DO_NOT_TRACK", "1"),
    ):
        os.environ.setdefault(name, value)


def prepare(home: Home) -> Path:
    """Makes the storage and its configuration if there is none, and returns the folder to be DAGSTER_HOME.

    Raises:
        BusyError: another process has been making it for a minute.
        LakeError: the folder cannot be written.
        StorageError: Postgres is asked for and cannot be used.
    """
    quiet_telemetry()
    address = os.environ.get(postgres.VARIABLE)
    folder = home.dagster / POSTGRES_FOLDER if address else home.dagster
    if address:
        postgres.require()
        with postgres.connection(address, wait_seconds=SERVER_WAIT_SECONDS):
            pass
    with locked(home.path / "locks" / "dagster", what="Dagster's storage", wait_seconds=START_WAIT_SECONDS):
        config = config_of(home) | (POSTGRES_CONFIG if address else {})
        write_whole(folder / "dagster.yaml", WRITTEN + yaml.safe_dump(config))
        write_whole(folder / WORKSPACE_FILE, yaml.safe_dump(WORKSPACE))
        write_whole(folder / COMMAND_FILE, yaml.safe_dump(_command_config(folder)))
        with dg.DagsterInstance.from_config(str(folder)) as instance:
            instance.get_runs(limit=1)  # touches run storage; the event log and schedules are made on construction
    return folder


def open_instance(home: Home) -> dg.DagsterInstance:
    """The instance of a command; the caller closes it."""
    return dg.DagsterInstance.from_config(str(prepare(home)), COMMAND_FILE)
