"""Homes that are moved to another number of shards, and what is compared of them."""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets.lake.switch import Marker
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

    Prints the number of each kill, and whether it came in the making, at so many places, or in the switch, at all.
    """
    for call in range(0, 10_000, max(1, _calls(start, folder / "dry", lambda home: _make(home, shards)) // builds)):
        if not _killed(start, folder / f"build-{call}", call, lambda home: _make(home, shards)):
            break
    ready = folder / "ready"
    shutil.copytree(start, ready, symlinks=True, copy_function=os.link)
    marker = _make(Home(ready), shards)
    call = 0
    while _killed(ready, copy := folder / f"switch-{call}", call, lambda home: home.switch.begin(marker)):
        call += 1 if Home(copy).switch.untold() is None else 25  # what is left then is to delete what was


def _make(home: Home, shards: int) -> Marker:
    tools = tools_at(home)
    return Resharding(tools, plan(tools, shards)).make()


def _killed(start: Path, copy: Path, call: int, work: Callable[[Home], object]) -> bool:
    """Whether there was such a call to be killed before."""
    shutil.copytree(start, copy, symlinks=True, copy_function=os.link)
    child = os.fork()
    if child == 0:
        _die_before(call)
        work(Home(copy))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL), (copy, code)
    if code:
        print(copy.name, flush=True)
    return code != 0


def _calls(start: Path, copy: Path, work: Callable[[Home], object]) -> int:
    """How many such calls there are, all told."""
    shutil.copytree(start, copy, symlinks=True, copy_function=os.link)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        calls: list[str] = []
        _patch(lambda name: calls.append(name))
        work(Home(copy))
        os.write(writer, str(len(calls)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reader, 100))


def _die_before(call: int) -> None:
    left = call

    def count(name: str) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    _patch(count)


def _patch(hear: Callable[[str], object]) -> None:
    def heard(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def called(*arguments: object, **options: object) -> object:
            hear(name)
            # A kill takes nothing from the system's cache, and waiting for the disk would take most of the time.
            return None if name == "fsync" else real(*arguments, **options)

        return called

    for name in ("fsync", "replace", "unlink", "rmdir"):
        setattr(os, name, heard(name, getattr(os, name)))


if __name__ == "__main__":
    kill_everywhere(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
