"""The `openai` engine against the dummy server at 0 ms: finished, stored answers a second, and memory by shard size.

Run it with `python -m benchmarks.served [ROWS …]`; 10,000 and 100,000 rows if none are named. Each size runs in a
process of its own, through `stages.asking` into an answer store, as a step does; the server is another process on the
same machine. The target is 1,500 answers a second on two cores, and memory that does not grow with the rows.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets.engines.base import Model, Request
from unicorn_assets.engines.openai import OpenAIEngine
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id
from unicorn_assets.progress import silent
from unicorn_assets.settings import Endpoint
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import prompts

SIZES = [10_000, 100_000]


def write_seeds(path: Path, rows: int) -> None:
    """A file of seeds in the order of their ids, as a shard has them."""
    seeds = (f"A brown dog with {number} spots stands beside a red boat on a wide beach." for number in range(rows))
    path.write_text("\n".join(sorted(seeds, key=sample_id)))


def requests(seeds: Path) -> Iterator[Request]:
    """Stage 1 requests, streamed from the file at each call."""
    with seeds.open() as lines:
        for line in lines:
            seed = line.strip()
            yield prompts.request("expansion", sample_id(seed), {"seed": seed}, recipes.Sampling())


def measure(seeds: str, rows: int, base_url: str) -> None:
    """Asks for all rows, then reads them back, and prints the figures."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = recipes.load("demo")
        engine = OpenAIEngine(Model("openai", "dummy", ""), Endpoint(base_url=base_url))
        tools = Tools(Home(Path(folder)), recipe, make_engine=lambda chosen, settings, home: engine)
        asked = Asked()
        given = answers(
            tools,
            "expanded_captions",
            "shard-0000",
            lambda: requests(Path(seeds)),
            asked=asked,
            total=rows,
            progress=silent,
        )
        start = time.perf_counter()
        next(given)  # all are asked for, stored and compacted before the first one is handed out
        stored = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        handed = 1 + sum(1 for _ in given)
        total = time.perf_counter() - start
        tools.close()
    if handed != rows or asked.requests != rows:
        raise AssertionError(f"{handed} answers and {asked.requests} requests for {rows} rows")
    stats = engine.stats
    print(
        f"{rows:>9,} rows {rows / stored:>8,.0f} stored answers/s {rows / total:>8,.0f} with reading back "
        f"{peak:>7,.0f} MiB peak {stats.retries:>4} retries"
    )


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    command = [sys.executable, "-m", "unicorn_assets_tests.engines.dummy_server"]
    command += ["--behaviour", json.dumps({"canned": True})]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            port = int(server.stdout.readline()) if server.stdout else 0
            for rows in sizes:
                seeds = Path(folder) / "seeds.txt"
                write_seeds(seeds, rows)
                arguments = f"{str(seeds)!r}, {rows}, 'http://127.0.0.1:{port}/v1'"
                call = f"from benchmarks.served import measure; measure({arguments})"
                subprocess.run([sys.executable, "-c", call], check=True)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
