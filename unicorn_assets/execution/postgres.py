"""A Postgres server for Dagster's storage: whether it can be used, and why not, said without its password."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from unicorn_assets.errors import StorageError

VARIABLE = "UNICORN_POSTGRES_URL"
CONNECT_SECONDS = 10
LOCK_SECONDS = 60
POLL_SECONDS = 0.25
# A number of ours among the advisory locks of the database: "unicorn" in ASCII.
LOCK = int.from_bytes(b"unicorn", "big")
# SQLAlchemy 2.1 takes another one for granted, which dagster-postgres does not bring.
DRIVER = "postgresql+psycopg2"
_NAMES = ("postgresql", "postgres", DRIVER)
_PASSING = ("starting up", "shutting down", "recovery", "too many", "remaining connection slots")


def installed() -> bool:
    """Whether the packages are there that talk to Postgres."""
    return find_spec("dagster_postgres") is not None and find_spec("psycopg2") is not None


def require() -> None:
    """Fails unless Postgres can be talked to.

    Raises:
        StorageError: a package is missing.
    """
    if not installed():
        raise StorageError(
            f"{VARIABLE} is set, but the packages that talk to Postgres are not installed.",
            f"pip install 'unicorn-assets[postgres]', or unset {VARIABLE} to keep Dagster's storage in SQLite.",
        )


def parse(address: str) -> URL:
    """The parts of an address, with the driver that we have.

    Raises:
        StorageError: it is no address of a Postgres database. The error quotes nothing of it.
    """
    try:
        url = make_url(address.strip())
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in _NAMES or not url.database:
        raise StorageError(
            f"{VARIABLE} holds no address of a Postgres database.",
            f"write {VARIABLE} like postgresql://user:password@host:5432/database; a special character in the "
            "password as its %-code.",
        )
    return url.set(drivername=DRIVER)


@contextmanager
def connection(address: str, *, wait_seconds: float) -> Iterator[Connection]:
    """A connection to the database.

    Args:
        address: its URL.
        wait_seconds: how long to wait for a server that is not there or just starts or stops.

    Raises:
        StorageError: it cannot be had; says where and why, never the password.
    """
    url = parse(address)
    timeout = {"connect_timeout": CONNECT_SECONDS}
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=timeout)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            opened = engine.connect()
            break
        except DBAPIError as error:
            why = str(error.orig or "").strip()
            if time.monotonic() >= deadline or not _may_pass(why):
                raise _unreachable(url, why) from None
        time.sleep(POLL_SECONDS)
    with opened:
        yield opened


def _may_pass(why: str) -> bool:
    return "FATAL" not in why or any(sign in why for sign in _PASSING)


def _unreachable(url: URL, why: str) -> StorageError:
    where = f"{url.host or url.query.get('host', 'the local socket')}:{url.port or 5432}, database {url.database}"
    if url.password:
        why = why.replace(url.password, "***")
    return StorageError(
        f"The Postgres server of {VARIABLE} cannot be used ({where}): {' '.join(why.split())}",
        f"start the server and see that user, password and database in {VARIABLE} are right, or unset it to keep "
        "Dagster's storage in SQLite.",
    )


@contextmanager
def alone(address: str, *, wait_seconds: float) -> Iterator[None]:
    """Keeps everybody else who asks for the same from the database: two that make its tables at once fail.

    Args:
        address: its URL.
        wait_seconds: how long to wait for the server.

    Raises:
        StorageError: the server cannot be reached, or somebody has been making tables for a minute.
    """
    with connection(address, wait_seconds=wait_seconds) as held:
        held.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        try:
            held.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
        except DBAPIError:
            raise StorageError(
                f"Another process has been making Dagster's tables for {LOCK_SECONDS} s.",
                "see in pg_stat_activity who holds an advisory lock, end that session, and start again.",
            ) from None
        yield
