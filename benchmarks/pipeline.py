"""The main path: `python -m benchmarks.pipeline` prints the demo's time, the overhead, the memory and the identity."""

import argparse
import contextlib
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets.cli.run import run
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder

DEMO_SECONDS, LOAD_SECONDS, OVERHEAD_SECONDS, MEMORY_MIB = 60, 2.0, 1.5, 1024


def small(shards: int) -> Recipe:
    """60 shipped seeds in so many shards."""
    table = recipes.load("demo").model_dump()
    table["seeds"]["sources"][0]["draw"], table["seeds"]["sources"][1]["draw"] = 40, 20
    table["alignment"]["sample"], table["shards"] = 16, shards
    return Recipe.model_validate(table)


def quietly(home: Home, recipe: Recipe, order: Sequence[str] | None = None) -> float:
    """Seconds of a run with the stand-in encoder."""
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if run(home, recipe, tools=tools, shards=order) != 0:
            raise SystemExit("the run failed")
    return time.perf_counter() - started


def own_seconds(home: Home) -> float:
    """Seconds that the assets themselves worked."""
    sidecars = (path for path in home.lake.root.glob("*/*.json"))
    return sum(float(json.loads(path.read_text())["run"]["seconds"]) for path in sidecars)


def demo(folder: Path) -> None:
    """Wall seconds of the demo, as `make demo` runs it."""
    started = time.perf_counter()
    unicorn = str(Path(sys.executable).with_name("unicorn"))
    command = [unicorn, "run", "--recipe", "demo", "--home", str(folder / "demo")]
    subprocess.run(command, check=True, capture_output=True)
    print(f"demo, real encoder            {time.perf_counter() - started:8.1f} s    (under {DEMO_SECONDS} s)")


def definitions() -> None:
    """CPU seconds of loading the definitions, median of five."""
    code = "import time, unicorn_assets.definitions; print(time.process_time())"
    seen = [
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout) for _ in range(5)
    ]
    print(f"loading the definitions, CPU  {statistics.median(seen):8.2f} s    (under {LOAD_SECONDS} s, median of 5)")


def overhead(folder: Path) -> None:
    """Seconds a shard beyond the assets' own work, with history on disk: the slope between 2 and 10 shards."""
    cost = {}
    for shards in (2, 10):
        home = Home(folder / f"overhead-{shards}")
        cost[shards] = quietly(home, small(shards)) - own_seconds(home)
    slope, whole = (cost[10] - cost[2]) / 8, cost[10] / 10
    print(f"overhead a shard              {slope:8.2f} s    (under {OVERHEAD_SECONDS} s)")
    print(f"  with the run's start in it  {whole:8.2f} s    (10 shards)")


def memory(folder: Path, seeds: Sequence[int]) -> None:
    """Peak resident memory of whole runs in processes of their own, with the stand-in encoder."""
    for count in seeds:
        command = [sys.executable, "-m", "benchmarks.pipeline", "--child", str(folder / f"memory-{count}"), str(count)]
        done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        print(
            f"peak memory, {count:>7,} seeds    {done['mib']:8.0f} MiB  (under {MEMORY_MIB} MiB; "
            f"{done['seconds']:.0f} s, {count / done['seconds']:,.0f} seeds/s through the whole graph)"
        )


def child(folder: Path, count: int) -> None:
    """One run of so many made-up seeds, 25,000 a shard; prints its peak memory."""
    folder.mkdir(parents=True)
    things = ("dog", "cat", "horse", "boat", "kite", "lamp", "chair", "bench", "bicycle", "cart")
    places = ("river", "road", "wall", "tree", "gate")
    with (folder / "seeds.txt").open("w") as file:
        for number in range(count):
            thing, place = things[number % 10], places[number // 10 % 5]
            file.write(f"A {thing} marked {number} stands near the {place} in the early light.\n")
    recipe = recipes.adjusted(small(max(1, count // 25_000)), seeds=[folder / "seeds.txt"])
    seconds = quietly(Home(folder / "home"), recipe)
    print(json.dumps({"mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "seconds": seconds}))


def identity(folder: Path) -> None:
    """Whether two homes hold the same bytes, one with its shards in the other order."""
    recipe = small(3)
    homes = [Home(folder / "one"), Home(folder / "two")]
    for home, order in zip(homes, (None, list(reversed(shard_names(3)))), strict=True):
        quietly(home, recipe, order)
    one, two = ({path.relative_to(home.path): path.read_bytes() for path in _data(home)} for home in homes)
    print(f"byte-identical files          {sum(one[name] == two.get(name) for name in one):8d} of {len(one)}")


def _data(home: Home) -> list[Path]:
    lake = [path for path in home.lake.root.rglob("*") if path.is_file() and path.suffix != ".json"]
    return lake + [path for path in home.releases.rglob("*") if path.is_file()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[20_000, 100_000], help="sizes of the memory runs")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(Path(options.child[0]), int(options.child[1]))
        return
    os.environ.pop("UNICORN_HOME", None)
    with tempfile.TemporaryDirectory(prefix="unicorn-bench-") as name:
        folder = Path(name)
        definitions()
        demo(folder)
        overhead(folder)
        identity(folder)
        memory(folder, options.seeds)


if __name__ == "__main__":
    main()
