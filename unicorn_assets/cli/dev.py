"""`unicorn dev`: the web UI and the daemon on one HOME."""

import os
import socket
import sys

from unicorn_assets.defs import instance
from unicorn_assets.errors import BusyError
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import keep


def dev(home: Home, host: str, port: int) -> None:
    """Prepares Dagster's storage, then becomes `dagster dev`; returns only if that cannot be started.

    Raises:
        UnicornError: HOME cannot be written, its storage is being made by somebody else, or the port is taken.
    """
    home.prepare()
    folder = instance.prepare(home)
    _refuse_taken(host, port)
    # Two daemons on one HOME would request everything twice; and the lanes' workers end when this lock is free again.
    keep(home.path / "locks" / "dev", what=f"the web UI of HOME {home.path}")
    os.environ["DAGSTER_HOME"] = str(folder)
    os.environ["UNICORN_HOME"] = str(home.path)
    # Not the checkout, whose own dagster.yaml would be warned about.
    os.chdir(folder)
    # `dg dev` is recommended in its place, but that one starts only inside a checkout.
    quiet = "ignore:Function `dev_command` is superseded"
    command = [sys.executable, "-W", quiet, "-m", "dagster", "dev", "-w", instance.WORKSPACE_FILE]
    os.execv(sys.executable, [*command, "-h", host, "-p", str(port)])


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
