"""Parts of a Dagster instance that find HOME as the commands do, for the instance files of the repository.

A path in a `dagster.yaml` would be taken from wherever a command is started, and an `env:` that is not set is an error.
So `dg dev`, `dagster dev`, webserver and daemon keep their history where `unicorn dev` keeps it.
"""

import os
from pathlib import Path
from typing import Any

import dagster as dg

from unicorn_assets.errors import StorageError
from unicorn_assets.execution import postgres
from unicorn_assets.execution.internals import DagsterSqliteStorage, LocalArtifactStorage, LocalComputeLogManager
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import locked

START_WAIT_SECONDS = 60.0
FOLDER = {"folder": dg.Field(dg.StringSource, default_value=".", description="Below HOME/dagster.")}


def _folder(config: Any) -> Path:
    return Home.resolve().dagster / str(config["folder"])


class HomeStorage(DagsterSqliteStorage):
    """SQLite files in HOME/dagster, made by one process at a time."""

    @classmethod
    def config_type(cls) -> Any:
        """Nothing can be set."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "HomeStorage":
        """The storage of a `dagster.yaml`.

        Raises:
            StorageError: the environment asks for Postgres, which is the other instance file's.
        """
        if os.environ.get(postgres.VARIABLE):
            raise StorageError(
                f"{postgres.VARIABLE} is set, but this instance file keeps Dagster's storage in SQLite.",
                f"set DAGSTER_HOME to the folder deploy/postgres of the checkout, or unset {postgres.VARIABLE}.",
            )
        home = Home.resolve()
        with locked(home.path / "locks" / "dagster", what="Dagster's storage", wait_seconds=START_WAIT_SECONDS):
            return cls(str(home.dagster), inst_data)


class HomeArtifacts(LocalArtifactStorage):
    """Where Dagster would put files of its own."""

    @classmethod
    def config_type(cls) -> Any:
        """Which folder."""
        return FOLDER

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "HomeArtifacts":
        """The part of a `dagster.yaml`."""
        return cls(str(_folder(config_value)), inst_data)


class HomeLogs(LocalComputeLogManager):
    """What steps print."""

    @classmethod
    def config_type(cls) -> Any:
        """Which folder."""
        return FOLDER

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "HomeLogs":
        """The part of a `dagster.yaml`."""
        return cls(str(_folder(config_value) / "storage"), inst_data=inst_data)
