"""Dagster's storage on Postgres that outlives a restart of the server.

Dagster waits about six seconds for a connection and not at all for a statement that a stopping server cuts off: a run
that stores an event in that moment fails. Here every access is begun anew until the server is back. So an event may
be stored twice, where the server stopped between doing and saying so; it is never lost.
"""

import functools
import inspect
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError

from unicorn_assets.execution import postgres

postgres.require()
from dagster import Field, StringSource  # noqa: E402
from dagster_postgres import (  # noqa: E402
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_postgres.utils import DagsterPostgresException  # noqa: E402

PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.5

log = logging.getLogger(__name__)
_inside = threading.local()


def _is_access(name: str, member: object) -> bool:
    """Whether a member is a method that asks the database, and not one that hands out a connection or ends."""
    if name.startswith("_") or name in ("dispose", "optimize_for_webserver", "watch", "end_watch"):
        return False
    if not inspect.isfunction(member) or inspect.isgeneratorfunction(inspect.unwrap(member)):
        return False
    return "connect" not in name


def _away(error: Exception) -> bool:
    """Whether the server was away, rather than the statement wrong."""
    if isinstance(error, DagsterPostgresException):
        return error.__cause__ is not None and isinstance(error.__cause__, DBAPIError) and _away(error.__cause__)
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "pgcode", None)
    # 57P0x: it stops or starts. Without a code it was the connection that broke, or was never made.
    return error.connection_invalidated or (code is None and error.orig is not None) or str(code)[:3] in ("57P", "080")


def _patient(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def access(*arguments: Any, **options: Any) -> Any:
        if getattr(_inside, "access", False):  # the outermost access is begun anew as a whole
            return method(*arguments, **options)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            _inside.access = True
            try:
                return method(*arguments, **options)
            except (DBAPIError, DagsterPostgresException) as error:
                if not _away(error) or time.monotonic() >= deadline:
                    raise
                log.warning("Postgres is away; %s is begun anew once it is back.", method.__name__)
            finally:
                _inside.access = False
            time.sleep(POLL_SECONDS)

    return access


def _all_patient(cls: type) -> type:
    for name, member in inspect.getmembers(cls):
        if _is_access(name, member):
            setattr(cls, name, _patient(member))
    return cls


@_all_patient
class PatientRuns(PostgresRunStorage):
    """Runs, backfills and heartbeats."""


@_all_patient
class PatientEvents(PostgresEventLogStorage):
    """The event log."""


@_all_patient
class PatientSchedules(PostgresScheduleStorage):
    """Schedules, sensors and their ticks."""


class PostgresStorage(DagsterPostgresStorage):
    """All of Dagster's storage in one Postgres database; its tables are made by one process at a time.

    Args:
        postgres_url: the address.
        keep_connections: whether a connection of each part stays open, for a process that stores event after event
            and forks no children.
        inst_data: what Dagster made it of.
    """

    def __init__(self, postgres_url: str, keep_connections: bool = False, inst_data: Any = None) -> None:
        address = postgres.parse(postgres_url).render_as_string(hide_password=False)
        self.postgres_url = address
        self.should_autocreate_tables = True
        self._inst_data = inst_data
        with postgres.alone(address, wait_seconds=PATIENCE_SECONDS):
            self._run_storage = PatientRuns(address)
            self._event_log_storage = PatientEvents(address)
            self._schedule_storage = PatientSchedules(address)
        if keep_connections:
            for part in (self._run_storage, self._event_log_storage):
                part.optimize_for_webserver(statement_timeout=0, pool_recycle=-1, max_overflow=-1)
        # Not the parent's, which would make all three once more.
        super(DagsterPostgresStorage, self).__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def config_type(cls) -> Any:
        """What may stand in the instance file: the address, by `env:` alone, since it holds a password."""
        return {"postgres_url": StringSource, "keep_connections": Field(bool, default_value=False)}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "PostgresStorage":
        """The storage of a `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)
