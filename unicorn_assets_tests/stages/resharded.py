"""Homes that are moved to another number of shards, and what is compared of them."""

import os
import shutil
import signal
import sys
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.reshard_plan import plan
from unicorn_assets.stages.resharding import Resharding
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder


class OnceEncoder(HashEncoder):
    """Says who it is, and fails the test where it is asked for a vector."""

    def encode(self, texts):
        raise AssertionError(f"{len(texts)} texts were embedded again")


def small(shards: int) -> Recipe:
    """The demo recipe with 60 seeds; a part of the seeds has no vector and no dialog, as it is with real ones."""
    table = recipes.load("demo").model_dump()
    table["seeds"]["sources"][0]["draw"] = 40
    table["seeds"]["sources"][1]["draw"] = 20
    table["alignment"]["sample"] = 16
    table["curation"]["min_words"] = 100
    table["encoder"]["dtype"] = "float32"
    table["shards"] = shards
    return recipes.Recipe.model_validate(table)


def tools_at(home: Home) -> Tools:
    return Tools(home, home.recipe(), make_encoder=lambda chosen: OnceEncoder())


def move(home: Home, shards: int) -> None:
    """What `unicorn reshard` does, without Dagster."""
    tools = tools_at(home)
    home.switch.clear()
    home.switch.begin(Resharding(tools, plan(tools, shards)).make())


def stored(home: Home) -> dict[str, bytes]:
    """The lake but for its sidecars, and all answers."""
    files = [path for path in home.lake.root.rglob("*") if path.is_file() and path.suffix != ".json"]
    files += [path for path in (home.path / "answers").rglob("*") if path.suffix in (".parquet", ".journal")]
    return {str(path.relative_to(home.path)): path.read_bytes() for path in files}


def kill_everywhere(start: Path, folder: Path, shards: int, builds: int) -> None:
    """Moves copies of the home `start`; each is killed by a child's own hand before another call that syncs or renames.

    Prints the number of each kill, and whether the marker stood then. Kills evenly over the making, and everywhere in
    the switch.
    """
    first, total = _dry(start, folder / "dry", shards)
    chosen = sorted({*range(0, first, max(1, first // builds)), *range(first - 2, total)})
    for call in chosen:
        copy = folder / str(call)
        shutil.copytree(start, copy)
        child = os.fork()
        if child == 0:
            _die_before(call)
            move(Home(copy), shards)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, (call, status)
        print(call, "switch" if call >= first else "build", flush=True)


def _dry(start: Path, copy: Path, shards: int) -> tuple[int, int]:
    """The number of the call that gives the marker its name, and of all calls until everything is done."""
    shutil.copytree(start, copy)
    reader, writer = os.pipe()
    if os.fork() == 0:
        calls: list[str] = []
        _patch(lambda name, arguments: calls.append(str(arguments[-1])))
        move(Home(copy), shards)
        marker = next(number for number, target in enumerate(calls) if target.endswith("ready.json"))
        os.write(writer, f"{marker + 1} {len(calls)}".encode())
        os._exit(0)
    os.wait()
    first, total = os.read(reader, 100).split()
    return int(first), int(total)


def _die_before(call: int) -> None:
    left = call

    def count(name: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    _patch(count)


def _patch(hear) -> None:
    def heard(name: str, real):
        def called(*arguments: object, **options: object) -> object:
            hear(name, arguments)
            return real(*arguments, **options)

        return called

    for name in ("fsync", "replace", "unlink", "rmdir"):
        setattr(os, name, heard(name, getattr(os, name)))


if __name__ == "__main__":
    kill_everywhere(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
