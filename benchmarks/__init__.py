"""Figures of the README, each by a command: `python -m benchmarks` prints them all."""
