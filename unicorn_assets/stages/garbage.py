"""What in a HOME no fingerprint in use refers to, area by area, each under the lock of those who work there.

Answers are never among it (`unicorn prune` drops those on request), nor is Dagster's history, nor any file that is not
known by its name and place.
"""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from unicorn_assets.engines.moving import SHARD_FILE
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake.files import TEMPORARY
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.leftovers import Area, Leftover, entries
from unicorn_assets.lake.locks import locked
from unicorn_assets.lake.switch import FOLDER
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.manifest import FILE as MANIFEST
from unicorn_assets.release.publish import DAMAGED, LATEST
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.graph import EVERY, graph
from unicorn_assets.stages.release import RELEASE

HOUR = 3600.0
OLD_LOG = 7 * 24 * HOUR
"""A log of a process that has ended is kept so long."""

KNOWN = {
    *("lake", "answers", "releases", "locks", "pending", "lanes", "engines", "dagster", "proof", "seeds", FOLDER),
    *("recipe.toml", "settings.toml", "withdrawn.jsonl", "state.sqlite", "state.sqlite-wal", "state.sqlite-shm"),
    *("catalog.duckdb", "catalog.duckdb.wal"),
}
"""What a HOME holds; `seeds` that of a checkout."""

DRAFTS, ORPHANS, FOREIGN, MARKS = "drafts", "files without a sidecar", "shards that the recipe does not have", "marks"
RESHARD, LOGS, RELEASES = "remains of a reshard", "logs of ended workers", "old releases"

_SHARD = r"(?P<shard>shard-\d{4}|all)\.(?:parquet|arrow|json|png|safetensors|requests\.csv)"
_LAKE_FILE = re.compile(_SHARD)
_LAKE_DRAFT = re.compile(rf"\.{_SHARD}\..+{re.escape(TEMPORARY)}")
_STORE_DRAFT = re.compile(rf"\.(?P<shard>shard-\d{{4}})\.parquet\..+{re.escape(TEMPORARY)}")
_DRAFT = re.compile(rf"\..+\.(?P<pid>\d+){re.escape(TEMPORARY)}")
_VERSION = re.compile(r"[0-9a-f]{8,}")


def areas(home: Home, recipe: Recipe, keep_releases: int | None) -> Iterator[Area]:
    """All areas of a HOME.

    Args:
        home: the home.
        recipe: its recipe.
        keep_releases: how many releases of each recipe stay; None keeps all.
    """
    top = [path for path in entries(home.path) if path.name not in KNOWN]
    strangers = [path for path in top if not _DRAFT.fullmatch(path.name)]
    # A folder that is a link stands elsewhere, which is not ours to clear.
    strangers += [path for path in entries(home.path) if path.name in KNOWN and path.is_symlink()]
    strangers += [path for path in entries(home.path / "lake") if path.is_symlink()]
    places = [home.path, home.path / "lake", home.dagster]
    yield Area(lambda: _small_drafts(places), strangers=strangers)
    yield from _lake(home, graph(recipe), recipe)
    yield from _answers(home)
    yield from _releases(home, keep_releases)
    yield Area(
        lambda: _marks(home, graph(recipe), recipe), lambda: _lock(home.path / "locks" / "catalog", "the catalog")
    )
    if home.switch.folder.exists():
        yield Area(lambda: _reshard(home), lambda: home.alone("unicorn gc"))
    for folder in (*entries(home.path / "lanes"), *entries(home.path / "engines")):
        if folder.is_dir() and not folder.is_symlink():
            yield _logs(folder)


def _lock(path: Path, what: str) -> AbstractContextManager[None]:
    return locked(path, what=what, wait_seconds=0)


def _small_drafts(folders: list[Path]) -> Iterator[Leftover]:
    """What a kill left of a small file that is written whole: in milliseconds, so an hour is proof."""
    for folder in folders:
        for path in entries(folder):
            found = _DRAFT.fullmatch(path.name)
            if (
                found
                and not path.is_symlink()
                and path.is_file()
                and _idle(path) > HOUR
                and not _lives(int(found["pid"]))
            ):
                yield Leftover(DRAFTS, path, "whoever was writing it has died")


def _idle(path: Path) -> float:
    """Seconds since a file was written to."""
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() if Path("/proc/self").is_dir() else True


def _lake(home: Home, stages: dict[str, Stage], recipe: Recipe) -> Iterator[Area]:
    for folder in entries(home.lake.root):
        if folder.is_symlink() or not folder.is_dir():
            if folder.name != "lake.json" and not folder.is_symlink() and not _DRAFT.fullmatch(folder.name):
                yield Area(lambda: (), strangers=[folder])
            continue
        shards, strangers = _by_shard(folder)
        ours = folder.name in EVERY or any(_names_itself(home.lake, folder.name, shard) for shard in shards)
        if not ours:
            yield Area(lambda: (), strangers=[folder])
            continue
        yield Area(lambda: (), strangers=strangers)
        wanted = set(stages[folder.name].shards(recipe)) if folder.name in stages else set()
        for shard in sorted(shards):
            yield Area(
                partial(_shard, home.lake, folder, shard, wanted),
                partial(home.step_lock, folder.name, shard, 0),
            )


def _by_shard(folder: Path) -> tuple[set[str], list[Path]]:
    """The shards that a stage's folder has files or drafts of, and what is something else."""
    shards: set[str] = set()
    strangers = []
    for path in _contents(folder):
        found = _LAKE_FILE.fullmatch(path.name) or _LAKE_DRAFT.fullmatch(path.name)
        plain = not path.is_symlink() and (path.is_file() or path.name.endswith(TEMPORARY))
        if found and plain:
            shards.add(found["shard"])
        else:
            strangers.append(path)
    return shards, strangers


def _contents(folder: Path) -> list[Path]:
    aside = folder / "set_aside"
    return [path for path in entries(folder) if path != aside or path.is_symlink()] + entries(aside)


def _names_itself(lake: Lake, stage: str, shard: str) -> bool:
    """Whether a folder is a stage's: one that this version or recipe does not have, but whose sidecar says so."""
    try:
        return lake.sidecar(stage, shard) is not None
    except LakeError:
        return False


def _shard(lake: Lake, folder: Path, shard: str, wanted: set[str]) -> Iterator[Leftover]:
    files = []
    for path in _contents(folder):
        if (found := _LAKE_DRAFT.fullmatch(path.name)) and found["shard"] == shard and not path.is_symlink():
            yield Leftover(DRAFTS, path, "the step that was writing it has ended")
        elif (found := _LAKE_FILE.fullmatch(path.name)) and found["shard"] == shard and path.is_file():
            files += [] if path.is_symlink() else [path]
    if shard not in wanted:
        # The sidecar goes first, so that a kill leaves files without one.
        for path in sorted(files, key=lambda path: path.suffix != ".json"):
            yield Leftover(FOREIGN, path, f"the recipe has no {folder.name} [{shard}]")
        return
    try:
        made = lake.sidecar(folder.name, shard)
    except LakeError:
        return  # damaged: `unicorn status` says so, and names the cure
    named = {folder / data.name for data in made.files.values()} if made is not None else set()
    for path in files:
        if path not in named and path != lake.sidecar_path(folder.name, shard):
            why = "there is no sidecar beside it" if made is None else "its sidecar does not name it"
            yield Leftover(ORPHANS, path, f"{why}, so nothing reads it")


def _answers(home: Home) -> Iterator[Area]:
    for folder in entries(home.path / "answers"):
        strangers, drafts = [], set()
        for path in entries(folder) if folder.is_dir() and not folder.is_symlink() else [folder]:
            draft = _STORE_DRAFT.fullmatch(path.name)
            if draft and not path.is_symlink():
                drafts.add(draft["shard"])
            elif path == folder or path.is_symlink() or not SHARD_FILE.fullmatch(path.name):
                strangers.append(path)
        yield Area(lambda: (), strangers=strangers)
        for shard in sorted(drafts):
            find = partial(_store_drafts, folder, shard)
            yield Area(find, partial(_lock, folder / f"{shard}.lock", f"the answer store {folder / shard}"))


def _store_drafts(folder: Path, shard: str) -> Iterator[Leftover]:
    for path in entries(folder):
        found = _STORE_DRAFT.fullmatch(path.name)
        if found and found["shard"] == shard and path.is_file() and not path.is_symlink():
            yield Leftover(DRAFTS, path, "the step that was writing it has ended; the answers stand beside it")


def _releases(home: Home, keep: int | None) -> Iterator[Area]:
    strangers: list[Path] = []
    for folder in entries(home.releases):
        for path in entries(folder) if folder.is_dir() and not folder.is_symlink() else [folder]:
            draft = path.name.startswith((".draft.", f".{LATEST}."))
            ours = path.name in (LATEST, DAMAGED) or (_VERSION.fullmatch(path.name) and (path / MANIFEST).is_file())
            if not draft and (path == folder or not ours):
                strangers.append(path)
    yield Area(
        partial(_old_releases, home, keep),
        partial(home.step_lock, RELEASE.name, ALL, 0),
        strangers,
    )


def _old_releases(home: Home, keep: int | None) -> Iterator[Leftover]:
    made = home.lake.sidecar(RELEASE.name, ALL)
    in_use = {str(made.metrics["folder"])} if made is not None and "folder" in made.metrics else set()
    for folder in entries(home.releases):
        versions = []
        for path in entries(folder):
            if path.name.startswith(".draft.") or (path.name.startswith(f".{LATEST}.") and path.is_symlink()):
                yield Leftover(DRAFTS, path, "the step that was making this release has ended")
            elif _VERSION.fullmatch(path.name) and not path.is_symlink() and (path / MANIFEST).is_file():
                versions.append(path)
        if keep is None:
            continue
        latest = (folder / LATEST).resolve()
        newest = sorted(versions, key=lambda path: (path / MANIFEST).stat().st_mtime, reverse=True)
        for path in newest[keep:]:
            if path.resolve() != latest and str(path.relative_to(home.path)) not in in_use:
                yield Leftover(RELEASES, path, f"{keep:,} newer releases of {folder.name} are kept")


def _marks(home: Home, stages: dict[str, Stage], recipe: Recipe) -> Iterator[Leftover]:
    for path in entries(home.path / "pending"):
        stage, _, rest = path.name.partition(".")
        shard = rest.partition(".")[0]
        known = stage in stages and shard in stages[stage].shards(recipe)
        if rest.count(".") == 1 and not known and not home.lake.sidecar_path(stage, shard).exists():
            yield Leftover(MARKS, path, f"the catalog waits for {stage} [{shard}], which the recipe does not have")


def _reshard(home: Home) -> Iterator[Leftover]:
    switch = home.switch
    if not switch.begun():
        for path in (switch.new, switch.old, switch.scratch):
            if path.is_dir() and not path.is_symlink():
                yield Leftover(RESHARD, path, "the reshard was cut short before it changed anything, or is done")


def _logs(folder: Path) -> Area:
    """A worker's or a server's folder: each has one lock, which its process holds for as long as it lives."""
    lock = next((path for path in (folder / "worker.lock", folder / "supervisor.lock") if path.is_file()), None)

    def find() -> Iterator[Leftover]:
        for path in entries(folder):
            if path.suffix == ".log" and path.is_file() and not path.is_symlink() and _idle(path) > OLD_LOG:
                yield Leftover(LOGS, path, "its process ended more than a week ago")

    if lock is None:
        return Area(find)
    return Area(find, lambda: _lock(lock, f"{folder.name}"))
