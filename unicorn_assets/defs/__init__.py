"""Dagster's view of the stages: assets, checks, partitions, the instance. Thin: what a step does is in `stages`."""
