"""A deployment whose shards take as long as a file is not there, beside a job that looks something up."""

import os
import time
from pathlib import Path

import dagster as dg

SHARDS = [f"shard-{number:04d}" for number in range(6)]
OPEN = "UNICORN_TEST_OPEN"
"""Environment variable with the file that the shards wait for."""


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(SHARDS))
def waiting():
    while not Path(os.environ[OPEN]).exists():
        time.sleep(0.2)


@dg.op
def glance():
    """Looks."""


@dg.job
def look():
    glance()


defs = dg.Definitions(assets=[waiting], jobs=[look], executor=dg.in_process_executor)
