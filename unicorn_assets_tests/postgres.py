"""A Postgres server of a test's own, from Debian's package: in a folder of its own, on loopback, with a password."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from unicorn_assets.execution.postgres import parse
from unicorn_assets_tests.serving import free_port

PASSWORD = "s3cret-not-to-be-seen"


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if not found:
        pytest.skip("Postgres is not installed (apt-get install postgresql)")
    return found[-1].parent


def _as_postgres() -> list[str]:
    """The server refuses to run as root."""
    return [] if os.geteuid() else ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


@dataclass
class Cluster:
    """A server with its data; `user` is its superuser."""

    folder: Path
    port: int

    def url(self, database: str = "dagster", password: str = PASSWORD) -> str:
        """The address of a database on it."""
        return f"postgresql://unicorn:{password}@127.0.0.1:{self.port}/{database}"

    def control(self, *arguments: str) -> None:
        """`pg_ctl`, waiting until it is done."""
        command = [*_as_postgres(), f"{_binaries()}/pg_ctl", "-D", f"{self.folder}/data", "-w", *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)

    def start(self) -> None:
        self.control("start", "-l", f"{self.folder}/log", "-o", f"-p {self.port} -h 127.0.0.1 -k {self.folder}")

    def restart(self, mode: str) -> None:
        """`fast` ends every session; `immediate` is as a crash."""
        self.control("restart", "-m", mode, "-l", f"{self.folder}/log")

    def database(self, name: str) -> str:
        """Makes an empty database and returns its address."""
        engine = create_engine(parse(self.url("postgres")), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine.dispose()
        return self.url(name)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server until the block ends; nothing of it is left."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="unicorn-postgres-"))
    try:
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if not os.geteuid():
            user = pwd.getpwnam("postgres")
            for path in (folder, secret):
                os.chown(path, user.pw_uid, user.pw_gid)
        initdb = [f"{binaries}/initdb", "-D", f"{folder}/data", "-U", "unicorn", "-A", "scram-sha-256", "--no-sync"]
        command = [*_as_postgres(), *initdb, f"--pwfile={secret}"]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=120)
        server = Cluster(folder, free_port())
        server.start()
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
