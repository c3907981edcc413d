"""The persistent worker of one slot: a process that executes steps one after the other and stays warm between them.

`python -m unicorn_assets.execution.worker …`, started by the first run that needs it. What a step loads stays loaded
for the next one, of another run too. It works for one conversation at a time; where that ends, by a cancelled run or a
killed one, the step is interrupted. It ends by itself when it is out of date, when a step was interrupted, when nobody
has needed it for a while, or with the `unicorn dev` that it has seen.
"""

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unicorn_assets.errors import BusyError
from unicorn_assets.execution import heartbeat, wire
from unicorn_assets.execution.lanes import LANES, Slot
from unicorn_assets.lake.locks import held, locked
from unicorn_assets.processes import Process

if TYPE_CHECKING:
    from unicorn_assets.execution.steps import Steps

GRACE_SECONDS = 5.0
"""How long an interrupted step may take to end before the process ends under it; what it did is safe on disk."""
HELLO_SECONDS = 5.0
POLL_SECONDS = 0.5
LOCK_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A step to execute, and the conversation with the run that it belongs to."""

    channel: wire.Channel
    step: str
    arguments: str


class Worker:
    """Serves one slot until it ends.

    Args:
        slot: the slot; its lock is held.
        identity: what this worker has loaded, as `lanes.identity` tells it.
        idle_seconds: how long it stays without work.
    """

    def __init__(self, slot: Slot, identity: str, idle_seconds: float) -> None:
        self._slot, self._identity, self._idle_seconds = slot, identity, idle_seconds
        self._process = Process.of(os.getpid())
        self._guard = threading.Condition()
        self._job: Job | None = None
        self._retiring = ""
        self._idle_since = time.monotonic()
        self._seen_dev = False

    def serve(self) -> None:
        """Executes steps until it is time to end. Runs in the main thread."""
        self._listen_to_signals()
        listener = wire.listen(self._slot.folder)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        from unicorn_assets.execution.steps import Steps  # takes a second; whoever has been accepted may wait for it

        steps = Steps(self._slot.home / "dagster")
        try:
            while (job := self._next()) is not None:
                try:
                    self._work(steps, job)
                finally:
                    self._listen_to_signals()
        finally:
            log.info("%s ends: %s", self._slot.folder.name, self._retiring)
            listener.close()
            steps.close()

    def _listen_to_signals(self) -> None:
        """Dagster puts handlers of its own there with every step, and leaves SIGTERM ignored."""
        signal.signal(signal.SIGTERM, lambda number, frame: self._retire("SIGTERM"))
        signal.signal(signal.SIGINT, lambda number, frame: None)

    def _retire(self, why: str) -> None:
        self._retiring = self._retiring or why

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # it was closed: the worker ends
                return
            channel = wire.Channel(connection)
            try:
                self._answer(channel)
            except wire.ClosedError:
                channel.close()
            except Exception:  # without this thread the worker would answer nobody any more
                log.exception("a conversation could not be begun")
                channel.close()

    def _answer(self, channel: wire.Channel) -> None:
        hello = channel.receive(HELLO_SECONDS)
        with self._guard:
            if hello is not None and hello["identity"] != self._identity:
                self._retire("code, recipe, settings or environment have changed")
            if hello is None or self._retiring or self._job is not None:
                channel.send(accepted=False)
                channel.close()
                return
            self._tell_holder(hello["client"])
            channel.send(accepted=True, worker=asdict(self._process))
            self._job = Job(channel, hello["step"], hello["arguments"])
            self._guard.notify()

    def _tell_holder(self, client: str) -> None:
        """Says whom it works for. A full disk is no reason not to: only a worker that hangs is ended by this file."""
        try:
            self._slot.holder.write_text(json.dumps({"worker": self._process.written(), "client": client}))
        except OSError as error:
            log.warning("%s cannot be written: %s", self._slot.holder, error.strerror)

    def _next(self) -> Job | None:
        """The next job, None where it is time to end."""
        with self._guard:
            while self._job is None:
                self._guard.wait(POLL_SECONDS)  # signals are seen between two waits
                self._look_around()
                if self._retiring and self._job is None:
                    return None
            return self._job

    def _look_around(self) -> None:
        dev = held(self._slot.home / "locks" / "dev")
        if self._seen_dev and not dev:
            self._retire("`unicorn dev` has ended")
        self._seen_dev |= dev
        if self._job is None and time.monotonic() - self._idle_since > self._idle_seconds:
            self._retire("nobody has needed it")

    def _work(self, steps: "Steps", job: Job) -> None:
        over = threading.Event()
        watch = threading.Thread(target=self._converse, args=(job.channel, over), daemon=True)
        watch.start()
        ending = steps.execute(job.arguments)
        over.set()
        if ending == "interrupted":
            self._retire("a step was interrupted")
        watch.join()
        with self._guard:
            self._job, self._idle_since = None, time.monotonic()
        try:
            job.channel.send(ending=ending)
        except wire.ClosedError:
            self._retire("its run went away")
        job.channel.close()

    def _converse(self, channel: wire.Channel, over: threading.Event) -> None:
        """Tells of progress, and interrupts the step where the run asks for it or has gone."""
        seen = heartbeat.beats()
        while not over.is_set():
            try:
                if channel.receive(POLL_SECONDS / 5) is not None:
                    break
                if heartbeat.beats() != seen:
                    seen = heartbeat.beats()
                    channel.send(beat=seen)
            except wire.ClosedError:
                break
        else:
            return
        self._interrupt(over)

    def _interrupt(self, over: threading.Event) -> None:
        self._retire("a step was interrupted")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        if not over.wait(GRACE_SECONDS):
            log.warning("the step does not end; the process does")
            os._exit(70)


def main(arguments: list[str]) -> int:
    """Serves a slot, or ends at once where another worker has it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--lane", choices=LANES, required=True)
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--identity", required=True)
    parser.add_argument("--idle-seconds", type=float, required=True)
    told = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each plug-in that it sets up
    slot = Slot(told.home, told.lane, told.number)
    try:
        with locked(slot.lock, what=f"the slot {slot.folder.name}", wait_seconds=LOCK_SECONDS):
            Worker(slot, told.identity, told.idle_seconds).serve()
    except BusyError:
        return 0
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # an ordinary exit would let DuckDB's bindings print a page of warnings into the log
