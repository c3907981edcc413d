"""Tags by which a step or a run says how it is to be handled."""

LANE = "unicorn/lane"
"""On an asset's op: the lane that its steps run in, `cpu` or `gpu`."""

TIMEOUT = "unicorn/timeout_seconds"
"""On an asset's op: a step without a sign of progress for so long hangs."""

WORKER = "unicorn/worker"
"""On a run: the process that is in charge of it, as `Process.written` has it."""

GPU_POOL = "gpu"
"""The pool of all steps of the gpu lane, over all runs."""
