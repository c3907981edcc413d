"""Messages between a run and a lane's worker: JSON lines over a Unix socket in the slot's folder, which is the owner's.

The folder is reached through a descriptor, since a socket's path may have no more than 107 characters.
"""

import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "socket"
SEND_SECONDS = 10.0


class ClosedError(Exception):
    """The other side has gone."""


class Channel:
    """One conversation. Sending and receiving may happen in two threads.

    Args:
        connection: a connected stream socket; closed with the channel.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(SEND_SECONDS)
        self._connection = connection
        self._received = b""

    def send(self, **message: Any) -> None:
        """Sends a message.

        Raises:
            ClosedError: the other side has gone, or takes nothing in.
        """
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise ClosedError from error

    def receive(self, seconds: float) -> Mapping[str, Any] | None:
        """The next message, None where none has come in that time.

        Raises:
            ClosedError: the other side has gone.
        """
        deadline = time.monotonic() + seconds
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._connection], [], [], left)[0]:
                return None
            try:
                read = self._connection.recv(1 << 16)
            except OSError as error:
                raise ClosedError from error
            if not read:
                raise ClosedError
            self._received += read
        line, _, self._received = self._received.partition(b"\n")
        message: Mapping[str, Any] = json.loads(line)
        return message

    def close(self) -> None:
        """Ends the conversation. Twice is fine."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def listen(folder: Path) -> socket.socket:
    """A socket in `folder` that listens; the caller holds the slot's lock.

    Raises:
        OSError: the folder cannot be written.
    """
    (folder / NAME).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _within(folder) as address:
        listener.bind(address)
    (folder / NAME).chmod(0o600)
    listener.listen(64)
    return listener


def connect(folder: Path) -> Channel | None:
    """A conversation with who listens in `folder`, None where nobody does."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _within(folder) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        return None
    return Channel(connection)


@contextmanager
def _within(folder: Path) -> Iterator[str]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
