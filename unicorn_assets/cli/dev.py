"""`unicorn dev`: the web UI and the daemon on one HOME, kept up until they are asked to end."""

import os
import socket
import sys

import click

from unicorn_assets.cli.keeper import Keeper, Parts
from unicorn_assets.defs import instance
from unicorn_assets.errors import BusyError
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import locked

PARTS = Parts(
    needed="dagster api grpc", own=("dagster_webserver", "dagster._daemon", "dagster api grpc", "dagster dev")
)


def dev(home: Home, host: str, port: int) -> int:
    """Serves HOME until SIGINT or SIGTERM; returns the exit status.

    Raises:
        UnicornError: HOME cannot be written, it is being served already, or the port is taken.
    """
    home.prepare()
    folder = instance.prepare(home)
    _refuse_taken(host, port)
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["UNICORN_HOME"] = str(home.path)
    # Not the checkout, whose own dagster.yaml would be warned about.
    os.chdir(folder)
    # `dg dev` is recommended in its place, but that one starts only inside a checkout.
    quiet = "ignore:Function `dev_command` is superseded"
    command = [sys.executable, "-W", quiet, "-m", "dagster", "dev", "-w", instance.WORKSPACE_FILE]
    # Two daemons on one HOME would request everything twice; and the lanes' workers end when this lock is free again.
    with locked(home.path / "locks" / "dev", what=f"the web UI of HOME {home.path}", wait_seconds=0):
        return Keeper([*command, "-h", host, "-p", str(port)], PARTS, lambda what: click.echo(what, err=True)).run()


def _refuse_taken(host: str, port: int) -> None:
    """Without this, the daemon would start while the web UI does not."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BusyError(
                f"{host}:{port} cannot be listened on: {error.strerror}.",
                "choose another --port, or stop what listens there; `unicorn dev` may be running already.",
            ) from None
