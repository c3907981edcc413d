"""The whole comparison: every row of every world, each once; what is finished is not done again."""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from unicorn_assets.engines.vllm.guard import PR_SET_PDEATHSIG, prctl
from unicorn_assets.lake.files import write_whole
from unicorn_assets.lake.locks import locked
from unicorn_assets.proof.rows import ROWS
from unicorn_assets.proof.sizes import SIZES, Size

VERSION = 3
"""Bumped by hand when all rows would come out otherwise; results of another version are not used (see `Row` too)."""

LOCK = "lock"
"""File in a world's folder, locked by who is at work there."""
STAMP = "world.json"
"""File in a world's folder that says what it was made by."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared.

    Args:
        folder: where worlds and results are kept.
        size: name of the size.
        seeds: how many worlds.
        readers: how many readers a row and world.
        jobs: processes at a time, with a thread each.
        rows: names of rows, in the table's order.
    """

    folder: Path
    size: str
    seeds: int
    readers: int
    jobs: int
    rows: Sequence[str] = tuple(ROWS)

    def world(self, seed: int) -> Path:
        """Folder of a world."""
        return self.folder / self.size / f"seed-{seed}"


def run(plan: Plan, progress: Progress) -> list[dict[str, Any]]:
    """Does what is missing and returns all results.

    Args:
        plan: what is compared.
        progress: told of each step; where several worlds are made at a time, of each that is complete.
    """
    if plan.jobs == 1:
        for seed in range(plan.seeds):
            world(plan, seed, progress)
    else:
        workers = min(plan.jobs, plan.seeds)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
            for done in as_completed([pool.submit(world, plan, seed) for seed in range(plan.seeds)]):
                progress(f"seed {done.result()[0]['seed']} is complete")
    return results(plan)


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on for an hour, and hold its world's lock."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def results(plan: Plan) -> list[dict[str, Any]]:
    """What is finished: row, seed, reader, figures and what made them."""
    return [one for seed in range(plan.seeds) for one in _finished(plan, seed)]


def gaps(plan: Plan) -> list[dict[str, float]]:
    """The gap of each world that is finished, as `World.gap` measures it."""
    found = (_read(_gap_path(plan, seed), made_by(SIZES[plan.size])) for seed in range(plan.seeds))
    return [one["gap"] for one in found if one is not None]


def world(plan: Plan, seed: int, progress: Progress | None = None) -> list[dict[str, Any]]:
    """Does what is missing of one world and returns its results.

    Args:
        plan: what is compared.
        seed: which world.
        progress: told of each step; without it they are printed to standard error.
    """
    wanted = [
        (name, reader)
        for reader in range(plan.readers)
        for name in plan.rows
        if result(plan, name, seed, reader) is None
    ]
    if wanted or _read(_gap_path(plan, seed), made_by(SIZES[plan.size])) is None:
        _examine(plan, seed, wanted, progress or (lambda text: print(f"seed {seed}: {text}", file=sys.stderr)))
    return _finished(plan, seed)


def _finished(plan: Plan, seed: int) -> list[dict[str, Any]]:
    found = (result(plan, name, seed, reader) for name in plan.rows for reader in range(plan.readers))
    return [one for one in found if one is not None]


def result(plan: Plan, name: str, seed: int, reader: int) -> dict[str, Any] | None:
    """A finished row, or None: not there, cut short, of another size or version."""
    return _read(_path(plan, name, seed, reader), _row_made_by(plan, name))


def _read(path: Path, wanted: dict[str, Any]) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if found.get("made_by") == wanted else None


def made_by(size: Size) -> dict[str, Any]:
    """What decides how a world of that size comes out, beside its seed."""
    return {"version": VERSION, "size": size.figures(), "torch": version("torch"), "numpy": version("numpy")}


def _row_made_by(plan: Plan, name: str) -> dict[str, Any]:
    version = ROWS[name].version
    return made_by(SIZES[plan.size]) | ({"row_version": version} if version > 1 else {})


def _path(plan: Plan, name: str, seed: int, reader: int) -> Path:
    return plan.world(seed) / "rows" / f"{name}-{reader}.json"


def _gap_path(plan: Plan, seed: int) -> Path:
    return plan.world(seed) / "gap.json"


def _examine(plan: Plan, seed: int, wanted: Sequence[tuple[str, int]], tell: Progress) -> None:
    from unicorn_assets.proof.examination import examine, one_thread
    from unicorn_assets.proof.lessons import LESSONS
    from unicorn_assets.proof.world import World

    here = World(plan.world(seed), seed, SIZES[plan.size], tell, made_by(SIZES[plan.size]))
    with one_thread(), locked(here.folder / LOCK, what=f"The world {here.folder}", wait_seconds=0):
        here.prepare()
        gap = {"gap": here.gap(), "made_by": made_by(here.size)}
        write_whole(_gap_path(plan, seed), json.dumps(gap, indent=1))
        for number, (name, reader) in enumerate(wanted, start=1):
            found = examine(here, LESSONS[name](here), reader)
            content = {"row": name, "seed": seed, "reader": reader, **found.figures()}
            content["made_by"] = _row_made_by(plan, name)
            write_whole(_path(plan, name, seed, reader), json.dumps(content, indent=1))
            places, exact = found.score.places, found.score.exact
            tell(f"{number} of {len(wanted)}: {name}: places {places:.3f}, exact {exact:.3f} ({found.seconds:.0f} s)")
