"""How soon the web UI's asset graph can be clicked: `python -m benchmarks.web_ui [--shards N]`.

A real `unicorn dev` and headless Chromium. Timed from the address being opened until every asset's node is drawn and
takes a click, with all groups open; the median of five, with a fresh profile each time and with one that has been there
before. Then again with every shard of every asset materialized, as events of Dagster's storage alone.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import dagster as dg
from playwright.sync_api import BrowserContext

from unicorn_assets import recipe as recipes
from unicorn_assets.defs import instance as instances
from unicorn_assets.home import Home
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets_tests.browser.chromium import EXECUTABLE, MISSING, chromium

RUNS = 5
GOAL_SECONDS = 3.0
GROUPS = ("seeds", "captions", "dialogs", "embeddings", "datasets", "selection")
NODE = '[class*="AssetNode_assetName"]'


def recipe_of(shards: int) -> Recipe:
    """The demo recipe in so many shards."""
    return Recipe.model_validate(recipes.load("demo").model_dump() | {"shards": shards})


@contextmanager
def serving(home: Home) -> Iterator[str]:
    """`unicorn dev` on a free port; its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("unicorn")), "dev", "--home", str(home.path), "--port", str(port)]
    with (home.path.parent / "dev.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            _await(f"http://127.0.0.1:{port}/server_info", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=10).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("unicorn dev has ended")


def seconds_to_click(context: BrowserContext, base: str) -> float:
    """Seconds until all nodes are drawn and each end of the graph takes a click."""
    page = context.new_page()
    opened = quote(",".join(f"global@global:{group}" for group in GROUPS), safe="")
    started = time.perf_counter()
    page.goto(f"{base}/asset-groups?expanded={opened}", wait_until="commit")
    page.wait_for_function("([node, all]) => document.querySelectorAll(node).length >= all", arg=[NODE, len(GRAPH)])
    for end in ("seed_sources", "release"):
        page.locator(NODE).get_by_text(end, exact=True).click(trial=True)
    seconds = time.perf_counter() - started
    page.close()
    return seconds


def look(home: Home, what: str) -> None:
    """Prints the medians of a server that has just started."""
    with serving(home) as base:
        fresh = []
        for _ in range(RUNS):
            with chromium() as context:
                fresh.append(seconds_to_click(context, base))
        with chromium() as context:
            seconds_to_click(context, base)
            again = [seconds_to_click(context, base) for _ in range(RUNS)]
    for profile, seen in (("fresh profile", fresh), ("seen before", again)):
        spread = f"{min(seen):.2f} to {max(seen):.2f}"
        name = f"graph, {what}, {profile}"
        print(f"{name:<48}{statistics.median(seen):6.2f} s   (under {GOAL_SECONDS:.0f} s; {spread})", flush=True)


def record(home: Home, recipe: Recipe) -> None:
    """Tells Dagster's storage that every shard of every asset is materialized; nothing is made."""
    started, events = time.perf_counter(), 0
    with dg.DagsterInstance.from_config(str(instances.prepare(home))) as instance:
        for name, stage in GRAPH.items():
            for shard in stage.shards(recipe):
                partition = shard if stage.sharded else None
                instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=partition))
                events += 1
    print(f"{events:,} materializations recorded in {time.perf_counter() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=2_000, help="number of shards")
    parser.add_argument("--bare", action="store_true", help="without recorded materializations")
    options = parser.parse_args()
    if EXECUTABLE is None:
        print(f"left out: {MISSING}")
        return
    recipe = recipe_of(options.shards)
    with tempfile.TemporaryDirectory(prefix="unicorn-bench-") as folder:
        home = Home(Path(folder) / "home")
        home.prepare()
        home.adopt(recipe)
        look(home, f"{options.shards:,} shards")
        if not options.bare:
            record(home, recipe)
            look(home, "all of them materialized")


if __name__ == "__main__":
    main()
