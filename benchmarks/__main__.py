"""Runs every benchmark, each in a process of its own, and prints what it prints."""

import subprocess
import sys

BENCHMARKS = (
    "rules_engine",
    "curation",
    "answer_store",
    "selection",
    "transfer",
    "unpaired",
    "encoding",
    "torch_dataset",
    "lineage",
    "pipeline",
    "backfill",
    "web_ui",
)


def main() -> None:
    for name in BENCHMARKS:
        print(f"\n== python -m benchmarks.{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
