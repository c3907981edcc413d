"""The forecast against a run: tokens and seconds that `unicorn forecast` tells, and those that the rest then takes.

Run it with `python -m benchmarks.forecast [SEEDS] [ROWS]`; 2,400 seeds and a profile of 300 rows if none are named. The
dummy server is another process: it works on 24 requests at once, and an answer takes 0.3 s and 10 ms a word, so that
lengths and times vary together as those of a model do. The target is within 20% of both.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from unicorn_assets import settings
from unicorn_assets.home import Home
from unicorn_assets.stages.budget import standing

SEEDS, ROWS, SHARDS = 2_400, 300, 4
BEHAVIOUR = {"delay": 0.3, "word_seconds": 0.01, "parallel": 24, "counts_prompt": True}
SHIPPED = Path(__file__).parent.parent / "data" / "seeds" / "open_domain.jsonl"
UNICORN = Path(sys.executable).with_name("unicorn")


def unicorn(*arguments: str) -> str:
    """What a command prints."""
    done = subprocess.run([UNICORN, *arguments], stdout=subprocess.PIPE, text=True, check=True, env=os.environ)
    return done.stdout


def tokens(home: Path) -> int:
    """Tokens spent in a HOME so far."""
    used = standing(Home(home), settings.load(home)).spent
    return used.prompt_tokens + used.completion_tokens


def pairs(count: int) -> list[str]:
    """So many seeds of the length and variety of real ones: two shipped captions each, none twice."""
    captions = [json.loads(line)["caption"].rstrip(".") for line in SHIPPED.read_text().splitlines()]
    both = ((one, captions[(at + step) % len(captions)]) for step in range(1, 100) for at, one in enumerate(captions))
    return [f"{one} and {other[0].lower()}{other[1:]}." for one, other in islice(both, count)]


def measure(folder: Path, base_url: str, seeds: int, rows: int) -> None:
    """Forecasts, runs the rest, and prints both side by side."""
    source, home = folder / "seeds.jsonl", folder / "home"
    source.write_text("".join(json.dumps({"caption": seed}) + "\n" for seed in pairs(seeds)))
    options = ["--home", str(home), "--recipe", "demo", "--seeds", str(source), "--shards", str(SHARDS)]
    options += ["--engine", "openai", "--model", "dummy", "--base-url", base_url]
    began = time.perf_counter()
    told: dict[str, Any] = json.loads(unicorn("forecast", *options, "--rows", str(rows), "--json"))
    profile, before = time.perf_counter() - began, tokens(home)
    began = time.perf_counter()
    unicorn("run", *options)
    seconds, spent = time.perf_counter() - began, tokens(home) - before
    print(f"profile of {told['profiled_rows']} of {seeds:,} seeds: {profile:.0f} s, {before:,} tokens")
    for name, real in (("tokens", float(spent)), ("seconds", seconds)):
        one = told["left"][name]
        inside = "within" if one["low"] <= real <= one["high"] else "outside"
        print(
            f"{name:>8} forecast {one['value']:>12,.0f} ({one['low']:,.0f} to {one['high']:,.0f}), "
            f"real {real:>12,.0f}, ratio {one['value'] / real:.3f}, {inside} the range"
        )


def main() -> None:
    seeds, rows = (int(one) for one in (sys.argv[1:] + [str(SEEDS), str(ROWS)][len(sys.argv) - 1 :])[:2])
    command = [sys.executable, "-m", "unicorn_assets_tests.engines.dummy_server", "--behaviour", json.dumps(BEHAVIOUR)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
    ):
        try:
            port = int(server.stdout.readline()) if server.stdout else 0
            measure(Path(folder), f"http://127.0.0.1:{port}/v1", seeds, rows)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
