"""Dagster's SQLite storage with its engines kept, for processes that store event after event.

Dagster makes a SQLAlchemy engine for every access, and with it an empty cache of compiled statements: a good part of
what storing an event costs. The files are the same, so the web UI reads them with Dagster's own classes.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool, QueuePool

from unicorn_assets.execution.internals import (
    INDEX_SHARD_NAME,
    NOOP_COMPUTE_LOGS,
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    DagsterSqliteStorage,
    InstanceRef,
    SqliteEventLogStorage,
    SqliteRunStorage,
)

KEPT_RUNS = 4
"""Engines of runs that are kept; a run has a file of its own, and nothing is written to it after its end."""


class KeptEngines(SqliteEventLogStorage):
    """The run-sharded SQLite event log, which makes the engine of a file once."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._held: dict[str, Connection] | None = None
        self._holding = ExitStack()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "KeptEngines":
        """The storage of a `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if self._held is not None:
                yield self._hold(shard)
                return
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _hold(self, shard: str) -> Connection:
        assert self._held is not None
        if shard not in self._held:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            connection = self._holding.enter_context(engine.connect())
            self._holding.enter_context(connection.begin())
            self._held[shard] = connection
        return self._held[shard]

    @contextmanager
    def together(self) -> Iterator[None]:
        """What one thread stores in the block is one transaction a file: all of it or nothing, and in no time.

        Other processes that would store something wait until its end.
        """
        with self._holding:
            self._held = {}
            try:
                yield
            finally:
                self._held = None

    def _engine(self, shard: str) -> Engine:
        if shard in self._engines:
            self._engines.move_to_end(shard)
            return self._engines[shard]
        engine = _engine(self.conn_string_for_shard(shard), keep_connection=shard == INDEX_SHARD_NAME)
        self._engines[shard] = engine
        while len(self._engines) > KEPT_RUNS + 1:
            oldest = next(name for name in self._engines if name != INDEX_SHARD_NAME)
            self._engines.pop(oldest).dispose()
        return engine

    def dispose(self) -> None:
        """Closes the engines."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


class KeptEngine(SqliteRunStorage):
    """The SQLite run storage, which makes its engine once."""

    def __init__(self, conn_string: str, inst_data: Any = None) -> None:
        self._engine = _engine(conn_string, keep_connection=True)
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "KeptEngine":
        """The storage of a `dagster.yaml`."""
        return cls.from_local(inst_data=inst_data, **config_value)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection inside a transaction."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def dispose(self) -> None:
        """Closes the engine."""
        self._engine.dispose()
        super().dispose()


class KeptStorage(DagsterSqliteStorage):
    """All of Dagster's SQLite storage; runs and events with their engines kept."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = KeptEngine.from_local(f"{base_dir}/history/")
        self._event_log_storage = KeptEngines(f"{base_dir}/history/runs/")

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "KeptStorage":
        """The storage of a `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)


def kept(reference: InstanceRef, folder: Path) -> InstanceRef:
    """The same instance, for a process that stores event after event: what can be kept open is.

    What steps print goes where the process prints: a copy of it would cost four child processes a step.

    Args:
        reference: the instance.
        folder: HOME/dagster.
    """
    quiet = ConfigurableClassData(NOOP_COMPUTE_LOGS["module"], NOOP_COMPUTE_LOGS["class"], "{}")
    reference = reference._replace(compute_logs_data=quiet)
    data = reference.storage_data
    if data is None:
        return reference
    if data.class_name == "PostgresStorage":
        config = yaml.safe_load(data.config_yaml) | {"keep_connections": True}
        return reference._replace(storage_data=data._replace(config_yaml=yaml.safe_dump(config)))
    if data.class_name in ("DagsterSqliteStorage", "HomeStorage"):
        # Its place in HOME, if it names none.
        config = {"base_dir": str(folder)} | yaml.safe_load(data.config_yaml)
        ours = ConfigurableClassData(KeptStorage.__module__, KeptStorage.__name__, yaml.safe_dump(config))
        return reference._replace(storage_data=ours)
    return reference


def _engine(address: str, *, keep_connection: bool) -> Engine:
    pool = QueuePool if keep_connection else NullPool
    return create_engine(address, poolclass=pool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
