"""Whether a release is what its manifest says, on any machine: its files, its counts, its content.

Pickles are known by their hash alone: they are never read.
"""

from collections.abc import Iterator
from pathlib import Path

from unicorn_assets.progress import Progress, silent
from unicorn_assets.release import tables
from unicorn_assets.release.content import Content
from unicorn_assets.release.faults import COPY, Fault
from unicorn_assets.release.manifest import FILE, Manifest, read
from unicorn_assets.release.publish import wrong_files
from unicorn_assets.release.tables import EMBEDDINGS


def verify(folder: Path, progress: Progress = silent) -> Iterator[Fault]:
    """Everything that is wrong with a release.

    Args:
        folder: the release.
        progress: told how many shards are looked through.

    Raises:
        LakeError: there is no release of this format in the folder.
    """
    facts = read(folder)
    for wrong in wrong_files(folder, facts, thorough=True):
        yield Fault(f"{wrong}.", COPY)
    if facts.content_version() != facts.version:
        return  # nothing can be judged by a manifest that is another one
    yield from _strangers(folder, facts)
    yield from _sums(folder, facts)
    yield from Content(folder, facts).faults(progress)


def _strangers(folder: Path, facts: Manifest) -> Iterator[Fault]:
    """Files that a reader of a folder takes for a part of the release. Files beside the folders are the owner's."""
    for name in sorted({Path(name).parts[0] for name in facts.files if "/" in name}):
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and path.relative_to(folder).as_posix() not in facts.files:
                yield Fault(f"{path} is no part of the release.", "move it out of the release's folders.")


def _sums(folder: Path, facts: Manifest) -> Iterator[Fault]:
    """Counts that the manifest gives twice."""
    path, shards = folder / FILE, list(facts.tables[EMBEDDINGS].shards)
    for name, table in facts.tables.items():
        total = sum(table.shards.values())
        if total != table.rows or list(table.shards) != shards:
            what = f"{path} says that {name} has {table.rows:,} rows; its {len(table.shards)} shards have {total:,}."
            yield Fault(what, COPY)
    for name in tables.COLUMNS:
        counted = sum(getattr(one, name) for one in facts.licences)
        if counted != facts.rows(name):
            what = f"{path} counts {counted:,} rows of {name} by licence, {facts.rows(name):,} by shard."
            yield Fault(what, COPY)
