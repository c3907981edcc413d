"""The executor of the code location: every step of every run goes to a warm worker of its lane.

As the location's default it holds for what is clicked in the web UI, for backfills, schedules and automation alike; an
executor on a job would be bypassed by the first two. Dagster's step-delegating executor keeps the plan, the retries and
the pools; what is ours is where a step runs.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from unicorn_assets import settings as all_settings
from unicorn_assets.execution import lanes, tags
from unicorn_assets.execution.delivery import CANCEL_SECONDS, Delivery, Terms
from unicorn_assets.execution.internals import (
    CheckStepHealthResult,
    DagsterEvent,
    Executor,
    PlanOrchestrationContext,
    RetryMode,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
    multiple_process_executor_requirements,
    serialize_value,
)
from unicorn_assets.execution.runs import claim
from unicorn_assets.home import Home
from unicorn_assets.settings import Settings

POLL_SECONDS = 0.1
"""Between two looks at the run's log: what a step waits for the one before it."""
HEALTH_SECONDS = 1
DEFAULT_TIMEOUT = 3600.0


class LaneHandler(StepHandler):
    """Hands steps to the lanes of one home.

    Args:
        home: the home.
        settings: its settings.
    """

    def __init__(self, home: Home, settings: Settings) -> None:
        super().__init__()
        self._home, self._settings = home, settings
        self._deliveries: dict[str, Delivery] = {}

    @property
    def name(self) -> str:
        """Shown in the run's log."""
        return "lanes"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Sends a step on its way."""
        [(step, told)] = step_handler_context.step_tags.items()
        lane = _lane(told)
        terms = Terms(
            lanes.slots(self._home.path, self._settings, lane),
            lanes.identity(self._home.path, self._settings),
            lanes.memory_limit(self._settings),
            self._settings.lanes.idle_seconds,
        )
        yield DagsterEvent.step_worker_starting(
            step_handler_context.get_step_context(step),
            message=f"To the {lane} lane.",
            metadata={"lane": dg.MetadataValue.text(lane)},
        )
        arguments = serialize_value(step_handler_context.execute_step_args)
        delivery = Delivery(terms, step, arguments, float(told.get(tags.TIMEOUT, DEFAULT_TIMEOUT)))
        self._deliveries[step] = delivery
        delivery.start()

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Whether a step may still end by itself."""
        [step] = step_handler_context.step_tags
        delivery = self._deliveries.get(step)
        if delivery is None:
            return CheckStepHealthResult.unhealthy("the process that ran it has gone")
        if delivery.failure is not None:
            return CheckStepHealthResult.unhealthy(delivery.failure)
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Ends a step, and frees its place in the pool, which dagster leaves taken."""
        yield from ()
        [step] = step_handler_context.step_tags
        self.close()
        storage = step_handler_context.instance.event_log_storage
        storage.free_concurrency_slot_for_step(step_handler_context.execute_step_args.run_id, step)

    def close(self) -> None:
        """Ends what is still on its way."""
        for delivery in self._deliveries.values():
            delivery.cancel()
        for delivery in self._deliveries.values():
            delivery.join(CANCEL_SECONDS + 1)


def _lane(told: Any) -> lanes.Lane:
    return "gpu" if told.get(tags.LANE) == "gpu" else "cpu"


class LaneExecutor(StepDelegatingExecutor):
    """Executes a run's plan; says first which process is in charge, so that its death can be told.

    Args:
        handler: hands over the steps.
    """

    def __init__(self, handler: LaneHandler) -> None:
        super().__init__(
            handler,
            retries=RetryMode.ENABLED,
            sleep_seconds=POLL_SECONDS,
            check_step_health_interval_seconds=HEALTH_SECONDS,
            should_verify_step=True,
        )
        self._handler = handler

    def execute(self, plan_context: PlanOrchestrationContext, execution_plan: Any) -> Iterator[DagsterEvent]:
        """Executes the plan."""
        claim(plan_context.instance, plan_context.run_id)
        try:
            yield from super().execute(plan_context, execution_plan)
        finally:
            self._handler.close()


def lane_executor(home: Home) -> dg.ExecutorDefinition:
    """The executor of a home's code location."""

    @dg.executor(name="lanes", config_schema={}, requirements=multiple_process_executor_requirements())
    def lanes_of_home(context: dg.InitExecutorContext) -> Executor:
        settings = all_settings.load(home.path)  # now, and not when the location was loaded
        set_pool(context.instance, settings)
        return LaneExecutor(LaneHandler(home, settings))

    return lanes_of_home


def set_pool(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Gives the pool of the gpu lane as many places as the settings' devices can use."""
    storage, wanted = instance.event_log_storage, lanes.admitted(settings)
    found = {pool.name: pool.limit for pool in storage.get_pool_limits()}
    if found.get(tags.GPU_POOL) != wanted:
        storage.set_concurrency_slots(tags.GPU_POOL, wanted)
