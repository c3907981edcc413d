"""Tags by which a step or a run says how it is to be handled."""

LANE = "unicorn/lane"
"""On an asset's op: the lane that its steps run in, `cpu` or `gpu`."""

TIMEOUT = "unicorn/timeout_seconds"
"""On an asset's op: a step without a sign of progress for so long hangs."""

WORKER = "unicorn/worker"
"""On a run: the process that is in charge of it, as `Process.written` has it."""

GPU_POOL = "gpu"
"""The pool of all steps of the gpu lane, over all runs."""

BUDGET = "unicorn/budget"
"""On a run: the budget stopped it; that is no failed try."""

LOOK = "unicorn/look"
"""On a run: somebody looks something up and makes nothing; whoever launched it sees it fail, so nobody is alerted."""

REMINDED = "unicorn/reminded"
"""On a run: its retry, which was announced and had not come, was asked for once more."""

WILL_RETRY, RETRIED_BY = "dagster/will_retry", "dagster/auto_retry_run_id"
"""Dagster's own, on a failed run: whether it will be retried, and by which run it was."""
