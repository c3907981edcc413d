"""HOME/state.sqlite: what must survive but is no data. Every transaction is on the disk before the next step begins.

Each owner of tables makes its own, by giving its `CREATE TABLE IF NOT EXISTS` to `opened`; whoever comes first makes
them. Many processes may read and write at once; a writer waits for the one before it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from unicorn_assets.errors import BusyError, LakeError, UnicornError
from unicorn_assets.lake.files import explained
from unicorn_assets.lake.locks import locked

FILE = "state.sqlite"

STATE_VERSION = 1
"""Version of all tables in the file. A file of another version is refused, never guessed at."""

WAIT_SECONDS = 30.0
"""How long a writer waits for another one."""


@contextmanager
def opened(path: Path, *tables: str) -> Iterator[sqlite3.Connection]:
    """A connection to the file, for one thread; it is made if there is none.

    Args:
        path: HOME/state.sqlite.
        tables: the owner's `CREATE TABLE IF NOT EXISTS` and `CREATE INDEX IF NOT EXISTS` statements.

    Raises:
        LakeError: the file has another version, is damaged, or cannot be written.
        BusyError: somebody else has been writing to it for too long.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _told(path), closing(sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        _prepare(connection, path)
        if tables:
            with transaction(connection):
                for statement in tables:
                    connection.execute(statement)
        yield connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written in the block, or nothing of it; on the disk when the block has ended."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        # The change to a write-ahead log does not wait for others, so the first two openers must not meet.
        with locked(path.parent / "locks" / "state", what=path.name, wait_seconds=WAIT_SECONDS):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA user_version = {STATE_VERSION}")
    elif version != STATE_VERSION:
        raise LakeError(
            f"{path} has version {version}; this unicorn_assets knows version {STATE_VERSION}.",
            "use the unicorn_assets that wrote it, or another --home.",
        )
    # A commit that is only in the system's cache would be lost in a power cut, and with it an alert.
    connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: sqlite3.Error) -> UnicornError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return BusyError(f"{path} is being written by another process.", "try again when that one has ended.")
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        cure = "move it away, and alerts of the last day are read from Dagster's history again."
        return LakeError(f"{path} is damaged ({error}).", cure)
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
        cure = "see that the folder can be written and that its disk has room; what is finished is kept."
        return LakeError(f"{path} cannot be used: {error}.", cure)
    raise error
