"""One step on its way: to a free worker of its lane, which is started if there is none, and watched until it ends.

A worker that dies, hangs or takes too much memory is told apart and reported; a cancelled step is interrupted and, if
that does not help, its worker killed. What a killed step had finished is on disk.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unicorn_assets.execution import wire
from unicorn_assets.execution.lanes import Slot
from unicorn_assets.lake.locks import held
from unicorn_assets.processes import Process

POLL_SECONDS = 0.05
WATCH_SECONDS = 0.5
ANSWER_SECONDS = 5.0
START_SECONDS = 120.0
"""How long a worker may take to load the code, before the first sign of progress of its step."""
CANCEL_SECONDS = 6.0
"""From asking a worker to interrupt its step until it is killed."""
LARGEST_LOG = 16 << 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Terms:
    """What holds for every step of a lane.

    Args:
        slots: the lane's slots.
        identity: what its workers must have loaded.
        memory: most bytes of memory of one worker.
        idle_seconds: how long a worker stays without work.
    """

    slots: Sequence[Slot]
    identity: str
    memory: int
    idle_seconds: float


class Delivery(threading.Thread):
    """Takes one step to a worker; begins with `start`.

    Args:
        terms: what holds for the lane.
        step: key of the step, for messages.
        arguments: what the worker executes, serialized.
        timeout: seconds without a sign of progress after which the step hangs.
    """

    def __init__(self, terms: Terms, step: str, arguments: str, timeout: float) -> None:
        super().__init__(name=f"delivery of {step}", daemon=True)
        self._terms, self._step, self._arguments, self._timeout = terms, step, arguments, timeout
        self._cancelled = threading.Event()
        self.failure: str | None = None
        """Why the step will not end by itself, None as long as it may."""
        self.waited = 0.0
        """Seconds until a worker took it."""

    def cancel(self) -> None:
        """Asks for the end; `join` waits for it."""
        self._cancelled.set()

    def run(self) -> None:
        """Finds a worker and watches it."""
        began = time.monotonic()
        try:
            taken = self._find()
            self.waited = time.monotonic() - began
            if taken is not None:
                self._watch(*taken)
        except Exception as error:  # the executor would wait for ever
            log.exception("delivery of %s", self._step)
            self.failure = f"the step could not be handed to a worker: {error}"

    def _find(self) -> tuple[wire.Channel, Process, Slot] | None:
        while not self._cancelled.is_set():
            living = [slot for slot in self._terms.slots if held(slot.lock)]
            for slot in living:
                taken = self._offer(slot)
                if taken is not None:
                    return taken
            empty = next((slot for slot in self._terms.slots if slot not in living), None)
            if empty is not None:
                self._start(empty)
            else:
                time.sleep(POLL_SECONDS)
        return None

    def _offer(self, slot: Slot) -> tuple[wire.Channel, Process, Slot] | None:
        """Offers the step to the worker of a slot; None where it does not take it."""
        channel = wire.connect(slot.folder)
        if channel is None:
            return None
        try:
            channel.send(
                identity=self._terms.identity,
                client=Process.of(os.getpid()).written(),
                step=self._step,
                arguments=self._arguments,
            )
            answer = channel.receive(ANSWER_SECONDS)
        except wire.ClosedError:
            answer = {"accepted": False}
        if answer is not None and answer["accepted"]:
            return channel, Process(**answer["worker"]), slot
        channel.close()
        if answer is None:
            _end_if_forsaken(slot)
        return None

    def _start(self, slot: Slot) -> None:
        """Starts a worker and waits until it listens, or has ended."""
        slot.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if slot.log.is_file() and slot.log.stat().st_size > LARGEST_LOG:
            slot.log.replace(slot.log.with_suffix(".old.log"))
        environment = os.environ | {"UNICORN_HOME": str(slot.home)}
        if slot.device:
            environment["CUDA_VISIBLE_DEVICES"] = slot.device
        command = [sys.executable, "-m", "unicorn_assets.execution.worker", "--home", str(slot.home)]
        command += ["--lane", slot.lane, "--number", str(slot.number), "--identity", self._terms.identity]
        command += ["--idle-seconds", str(self._terms.idle_seconds)]
        with slot.log.open("ab") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self._cancelled.is_set():
            if child.poll() is not None:
                if child.returncode != 0:
                    raise RuntimeError(f"its worker ended with {child.returncode}; see {slot.log}")
                return
            channel = wire.connect(slot.folder) if held(slot.lock) else None
            if channel is not None:
                channel.close()
                return
            time.sleep(POLL_SECONDS)
        if not self._cancelled.is_set():
            child.kill()
            raise RuntimeError(f"its worker is not up after {START_SECONDS:.0f} s; see {slot.log}")

    def _watch(self, channel: wire.Channel, worker: Process, slot: Slot) -> None:
        beat, allowed = time.monotonic(), max(self._timeout, START_SECONDS)
        try:
            while not self._cancelled.is_set():
                message = channel.receive(WATCH_SECONDS)
                if message is None:
                    wrong = self._wrong(worker, time.monotonic() - beat, allowed)
                    if wrong:
                        worker.signal(signal.SIGKILL)
                        self.failure = f"{wrong}; its worker was killed. Log: {slot.log}"
                        return
                elif "ending" in message:
                    self._ended(message["ending"], slot)
                    return
                else:
                    beat, allowed = time.monotonic(), self._timeout
            self._interrupt(channel, worker)
        except wire.ClosedError:
            self.failure = f"its worker (process {worker.number}) died. Log: {slot.log}"
        finally:
            channel.close()

    def _wrong(self, worker: Process, silent: float, allowed: float) -> str | None:
        if silent > allowed:
            return f"no progress for {allowed:,.0f} s: it hangs"
        memory = worker.memory
        if memory > self._terms.memory:
            return (
                f"it holds {memory >> 20:,} MiB of memory, more than the {self._terms.memory >> 20:,} MiB that one "
                "worker may (lanes.memory_mib in settings.toml)"
            )
        return None

    def _ended(self, ending: Literal["recorded", "interrupted", "unrecorded"], slot: Slot) -> None:
        if ending != "recorded":
            self.failure = f"it ended without a result ({ending}). Log: {slot.log}"

    def _interrupt(self, channel: wire.Channel, worker: Process) -> None:
        channel.send(cancel=True)
        deadline = time.monotonic() + CANCEL_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            message = channel.receive(left)
            if message is not None and "ending" in message:
                return
        worker.signal(signal.SIGKILL)


def _end_if_forsaken(slot: Slot) -> None:
    """Kills a worker that answers nobody and whose run has gone: nothing else would ever end it."""
    try:
        told = json.loads(slot.holder.read_text())
        worker, client = Process.read(told["worker"]), Process.read(told["client"])
    except (OSError, ValueError, KeyError):
        return
    if worker is not None and client is not None and not client.lives:
        log.warning("killing the worker of %s, which no longer answers", slot.folder.name)
        worker.signal(signal.SIGKILL)
