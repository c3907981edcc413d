"""Which releases of a home carry a sample, in which row of which table; and which sample stands in a row.

A row of a table is counted from 0 over its shards in order, as `ReleaseRows` and the torch Dataset count. Of the
manifest only what says where rows stand is read: a whole one is checked by `unicorn verify`.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import shard_name, shard_number
from unicorn_assets.lake import lineage
from unicorn_assets.release.manifest import COPY_AGAIN, FILE
from unicorn_assets.release.publish import DAMAGED, LATEST
from unicorn_assets.release.splits import SPLITS, named
from unicorn_assets.release.tables import COLUMNS

TABLES = tuple(named(split, table) for split in SPLITS for table in COLUMNS)
"""Tables of samples, as a manifest names them."""


@dataclass(frozen=True)
class Layout:
    """Where the rows of a release stand.

    Args:
        partitions: number of shards of its recipe.
        rows: rows of each shard, by table and shard, in order.
    """

    partitions: int
    rows: dict[str, dict[str, int]]

    def start(self, table: str, shard: str) -> int:
        """Row of the table that is a shard's first."""
        return self._starts(table)[list(self.rows[table]).index(shard)]

    def place(self, table: str, row: int) -> tuple[str, int]:
        """Shard and row in it of a row of the table.

        Raises:
            IndexError: the table has no such row.
        """
        starts = self._starts(table)
        if not 0 <= row < starts[-1]:
            raise IndexError(row)
        number = next(place for place, end in enumerate(starts[1:]) if row < end)
        return list(self.rows[table])[number], row - starts[number]

    def _starts(self, table: str) -> list[int]:
        return [*accumulate(self.rows[table].values(), initial=0)]


def layout(folder: Path) -> Layout:
    """The layout of a release, read once as long as its manifest stays.

    Raises:
        LakeError: the folder has no manifest, or one that does not say.
    """
    path = folder / FILE
    try:
        status = path.stat()
        return _layout(path, status.st_mtime_ns, status.st_size, status.st_ino)
    except OSError as error:
        raise LakeError(
            f"{path} cannot be read: {error.strerror}.", "give the folder of a release, which has a manifest.json."
        ) from None


@lru_cache(maxsize=256)
def _layout(path: Path, *state: int) -> Layout:
    del state
    try:
        facts = json.loads(path.read_bytes())
        rows = {table: dict(facts["tables"][table]["shards"]) for table in TABLES if table in facts["tables"]}
        return Layout(int(facts["recipe"]["shards"]), rows)
    except (ValueError, TypeError, KeyError):
        raise LakeError(f"{path} is no manifest of a release.", COPY_AGAIN) from None


def folders(releases: Path) -> Iterator[Path]:
    """The folders of all releases of a home, by recipe and version; drafts and damaged ones are none."""
    for folder in sorted(releases.glob("*/[!.]*")):
        if folder.is_dir() and not folder.is_symlink() and folder.name != DAMAGED:
            yield folder


def rows_of(folder: Path, sample: str) -> dict[str, int]:
    """The row of a sample in each table of a release that has it.

    Raises:
        LakeError: a file of the release cannot be read.
    """
    found, facts = {}, layout(folder)
    shard = shard_name(shard_number(sample, facts.partitions))
    for table, shards in facts.rows.items():
        if shards.get(shard) and (row := lineage.position(folder / table / f"{shard}.parquet", sample)) is not None:
            found[table] = facts.start(table, shard) + row
    return found


def counted(folder: Path, samples: Collection[str]) -> dict[str, int]:
    """How many of these samples each table of a release has; tables that have none are left out.

    Raises:
        LakeError: a file of the release cannot be read.
    """
    if len(samples) == 1:
        return dict.fromkeys(rows_of(folder, next(iter(samples))), 1)
    facts = layout(folder)
    by_shard = lineage.by_shard(samples, facts.partitions)
    found: dict[str, int] = {}
    for table, shards in facts.rows.items():
        for shard in shards.keys() & by_shard.keys():
            held = lineage.ids_among(folder / table / f"{shard}.parquet", by_shard[shard])
            if held:
                found[table] = found.get(table, 0) + len(held)
    return found


def sample_at(folder: Path, table: str, row: int) -> str:
    """The id of the sample in a row of a release.

    Args:
        folder: the release.
        table: `pretrain` or `instruction`, or one of them behind `validation/`.
        row: its row, from 0.

    Raises:
        LakeError: the release has no such table or row, or its file cannot be read.
    """
    facts = layout(folder)
    if table not in facts.rows:
        has = ", ".join(facts.rows)
        raise LakeError(f"The release {folder} has no table {table!r}; it has {has}.", "name one of those.")
    try:
        shard, offset = facts.place(table, row)
    except IndexError:
        rows = sum(facts.rows[table].values())
        raise LakeError(
            f"The table {table!r} of the release {folder} has {rows:,} rows; there is no row {row:,}.",
            "rows are counted from 0, over all shards.",
        ) from None
    return lineage.id_at(folder / table / f"{shard}.parquet", offset)


def folder_of(releases: Path, recipe: str, version: str) -> Path:
    """The folder that a person names by its version.

    Args:
        releases: all releases of a home.
        recipe: the home's recipe.
        version: `latest`, a version of that recipe, or RECIPE/VERSION.

    Raises:
        LakeError: there is none; names those that are there.
    """
    wanted = releases / version if "/" in version else releases / recipe / version
    if wanted.is_dir() and (wanted.name == LATEST or wanted in set(folders(releases))):
        return wanted.parent / wanted.resolve().name  # what `latest` points to now
    there = ", ".join(str(folder.relative_to(releases)) for folder in folders(releases)) or "none yet"
    raise LakeError(
        f"There is no release {version!r} in {releases}; there are: {there}.", "name one of those, or `latest`."
    )
