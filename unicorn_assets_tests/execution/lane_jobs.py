"""Jobs whose steps die, hang, grow or wait when told to, on the lanes of UNICORN_HOME; loaded by workers and by runs.

`python -m unicorn_assets_tests.execution.lane_jobs JOB` executes one in a process of its own, as a code server does.
"""

import os
import sys
import time

import dagster as dg

from unicorn_assets.defs import instance
from unicorn_assets.execution import heartbeat, tags
from unicorn_assets.execution.executor import lane_executor
from unicorn_assets.home import Home

HOME = Home.resolve()
RETRIES = dg.RetryPolicy(max_retries=1)
loaded: list[float] = []  # what a model would be: it stays for as long as the process does


def note(what):
    """Adds a line to the diary that the test reads."""
    line = f"{what} {os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES', '-')} {time.time()}\n"
    with (HOME.path / "diary").open("a") as file:
        file.write(line)


def first_time(what):
    """Whether this has not been asked before."""
    try:
        (HOME.path / what).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def lane(name, timeout=60.0):
    return {tags.LANE: name, tags.TIMEOUT: str(timeout)}


@dg.op(tags=lane("gpu"), pool=tags.GPU_POOL)
def use_model():
    if not loaded:
        time.sleep(0.5)
        loaded.append(time.time())
        note("loaded")
    note("used")


@dg.op(tags=lane("cpu"), ins={"after": dg.In(dg.Nothing)})
def follow():
    note("followed")


@dg.op(tags=lane("gpu"), pool=tags.GPU_POOL, retry_policy=RETRIES)
def die_once():
    note("tried")
    if first_time("died"):
        os.kill(os.getpid(), 9)


@dg.op(tags=lane("gpu"), retry_policy=RETRIES)
def die_always():
    note("tried")
    os.kill(os.getpid(), 9)


@dg.op(tags=lane("gpu", timeout=2.0), retry_policy=RETRIES)
def hang_once():
    note("tried")
    if first_time("hung"):
        time.sleep(600)


@dg.op(tags=lane("gpu", timeout=2.0))
def work_slowly():
    for _ in range(20):
        time.sleep(0.25)
        heartbeat.beat()
    note("worked")


@dg.op(tags=lane("cpu"), retry_policy=RETRIES)
def grow_once():
    note("tried")
    if first_time("grew"):
        filled = bytearray(os.urandom(1 << 20) * 1024)
        time.sleep(600)
        del filled


@dg.op(tags=lane("gpu"), pool=tags.GPU_POOL)
def wait_to_be_stopped():
    note("waiting")
    try:
        time.sleep(600)
    finally:
        note("stopped")


@dg.op(tags=lane("gpu"), pool=tags.GPU_POOL)
def wait_and_ignore():
    note("waiting")
    while True:
        try:
            time.sleep(600)
        except BaseException:  # as code does that never gives the interpreter a chance
            note("ignored")


@dg.op(tags=lane("cpu"))
def raise_error():
    raise ValueError("of the step's own")


@dg.job
def warm():
    follow(use_model())


def single(op):
    @dg.job(name=f"only_{op.name}")
    def only():
        op()

    return only


OPS = (
    die_once,
    die_always,
    hang_once,
    work_slowly,
    grow_once,
    wait_to_be_stopped,
    wait_and_ignore,
    raise_error,
    use_model,
)
defs = dg.Definitions(jobs=[warm, *(single(op) for op in OPS)], executor=lane_executor(HOME))


def reconstruct(name):
    return defs.get_repository_def().get_job(name)


def execute(name):
    """Executes a job on the instance of HOME; returns whether it succeeded."""
    job = dg.build_reconstructable_job(__spec__.name, "reconstruct", reconstructable_args=(name,))
    folder = str(instance.prepare(HOME))
    with dg.DagsterInstance.from_config(folder) as opened, dg.execute_job(job, opened) as result:
        return result.success


if __name__ == "__main__":
    sys.exit(0 if execute(sys.argv[1]) else 1)
