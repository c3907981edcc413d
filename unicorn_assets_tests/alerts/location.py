"""A code location for the daemon's test: an asset with many checks that do as the run's tags say, and the sensor."""

import warnings

import dagster as dg

from unicorn_assets.defs import alerts
from unicorn_assets.home import Home

CHECKS = 50
SHARDS = [f"shard-{number:04d}" for number in range(40)]
PARTITIONS = dg.StaticPartitionsDefinition(SHARDS)

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", ".*partitions_def on an AssetCheckSpec", dg.PreviewWarning)
    SPECS = [
        dg.AssetCheckSpec(f"check_{number:03d}", asset="noisy", partitions_def=PARTITIONS) for number in range(CHECKS)
    ]


@dg.asset(partitions_def=PARTITIONS, check_specs=SPECS)
def noisy(context: dg.AssetExecutionContext):
    passed = context.run.tags.get("passed") == "yes"
    yield dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name=spec.name,
                passed=passed,
                severity=dg.AssetCheckSeverity.WARN if number % 2 else dg.AssetCheckSeverity.ERROR,
                metadata={"share": 0.31, "limit": 0.05},
            )
            for number, spec in enumerate(SPECS)
        ]
    )


@dg.asset
def quiet():
    return None


defs = dg.Definitions(assets=[noisy, quiet], sensors=[alerts.sensor(Home.resolve())], executor=dg.in_process_executor)
