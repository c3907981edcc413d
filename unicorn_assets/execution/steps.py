"""Executes one step of a run in this process, as dagster's own step processes do. Instances stay open between steps."""

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Literal

from dagster import DagsterInstance

from unicorn_assets.execution import heartbeat
from unicorn_assets.execution.internals import (
    DagsterExecutionInterruptedError,
    ExecuteStepArgs,
    InstanceRef,
    capture_interrupts,
    deserialize_value,
    execute_step_body,
    serialize_value,
)
from unicorn_assets.execution.storage import kept

Ending = Literal["recorded", "interrupted", "unrecorded"]
"""Whether the step's end stands in the run's log; an interrupted one's may or may not."""

KEPT_INSTANCES = 2

log = logging.getLogger(__name__)


class Steps:
    """Executes steps, one at a time, in the main thread: only there can dagster interrupt them.

    Args:
        folder: HOME/dagster.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._instances: OrderedDict[str, DagsterInstance] = OrderedDict()

    def execute(self, arguments: str) -> Ending:
        """Executes a step; its events go to the run's log.

        Args:
            arguments: serialized `ExecuteStepArgs`.
        """
        args = deserialize_value(arguments, ExecuteStepArgs)
        with capture_interrupts():
            try:
                return self._execute(args)
            except (KeyboardInterrupt, DagsterExecutionInterruptedError):
                return "interrupted"
            except Exception:  # dagster has logged it with the run; the run's process decides what follows
                log.exception("step %s of run %s", args.step_keys_to_execute, args.run_id)
                return "unrecorded"

    def _execute(self, args: ExecuteStepArgs) -> Ending:
        instance = self._instance(args.instance_ref)
        run = instance.get_run_by_id(args.run_id)
        if run is None:
            log.warning("run %s is not in the storage any more", args.run_id)
            return "unrecorded"
        ended = False
        for event in execute_step_body(args, instance, run):
            heartbeat.beat()  # the first one says that the step has begun
            ended |= event.is_step_success or event.is_step_failure or event.is_step_up_for_retry
        return "recorded" if ended else "unrecorded"

    def _instance(self, reference: InstanceRef | None) -> DagsterInstance:
        key = serialize_value(reference) if reference is not None else ""
        if key not in self._instances:
            made = (
                DagsterInstance.from_ref(kept(reference, self._folder))
                if reference is not None
                else DagsterInstance.get()
            )
            self._instances[key] = made
            while len(self._instances) > KEPT_INSTANCES:
                self._instances.popitem(last=False)[1].dispose()
        self._instances.move_to_end(key)
        return self._instances[key]

    def close(self) -> None:
        """Closes the instances."""
        while self._instances:
            self._instances.popitem()[1].dispose()
