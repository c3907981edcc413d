"""Dagster's run launcher, which also knows whether a run's process lives.

Without that, a run whose process was killed would stay STARTED for ever; with it, dagster's run monitoring ends it and
its retries take it up again. Named in the instance file.
"""

import signal
from typing import Any, Self

import dagster as dg

from unicorn_assets.execution import runs
from unicorn_assets.execution.internals import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus


class WatchedLauncher(DefaultRunLauncher):
    """Launches runs as processes of the code server."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """The launcher of an instance file."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes; dagster's own does not."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process in charge lives. One that has not said who it is, or is elsewhere, is taken to."""
        dead = runs.has_died(run)
        return CheckRunHealthResult(WorkerStatus.FAILED, runs.DIED) if dead else _RUNNING

    def terminate(self, run_id: str) -> bool:
        """Asks the run's process to end, through its code server or, where that has been replaced, by a signal."""
        try:
            if super().terminate(run_id):  # type: ignore[no-untyped-call]
                return True
        except dg.DagsterError:  # the code server that started the run has gone
            pass
        run = self._instance.get_run_by_id(run_id)
        process = runs.worker(run) if run is not None and not run.is_finished else None
        if process is None or not process.lives:
            return False
        process.signal(signal.SIGINT)
        return True


_RUNNING = CheckRunHealthResult(WorkerStatus.RUNNING)
