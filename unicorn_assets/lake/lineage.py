"""A sample's story, read from the shard that follows from its id: quick at any size, and without the catalog."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unicorn_assets.identity import ID_LENGTH, shard_name, shard_number
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.lake.sidecar import Sidecar

SEEDS = "seed_sources"
"""The one stage whose single file is sorted by shard, then id."""


def is_id(text: str) -> bool:
    """Whether a text could be a sample's id."""
    return len(text) == ID_LENGTH and all(letter in "0123456789abcdef" for letter in text)


def left_out(lake: Lake, sample: str) -> list[dict[str, Any]]:
    """What `selection` decided of a sample, as entries of `story`: one for each table that it stays out of.

    Raises:
        LakeError: its sidecar or file is damaged.
    """
    found = lake.sidecar("selection", ALL)
    if found is None:
        return []
    made_by = _made_by(found)
    return [
        {
            "stage": found.stage,
            "shard": ALL,
            "outcome": "not_selected",
            "reason": f"{row['reason']}, left out of {row['table']}",
            "detail": row["detail"],
            "text": row["evidence"],
            "made_by": made_by,
        }
        for row in find(lake.rows(found.stage, ALL), sample)
    ]


def story(lake: Lake, stages: Sequence[str], shards: int, sample: str) -> list[dict[str, Any]]:
    """What became of a sample at each stage, in the order of `stages`.

    Each entry has `stage`, `shard`, `outcome` (`kept`, `rejected`, `not_selected` or `absent`), the `row`, for what was
    set aside the `reason`, `detail` and `text`, and `made_by`: fingerprint, run, engine and what else decided the rows.
    `also` are further rows of it that were set aside: of other sources, say.

    Raises:
        LakeError: a sidecar or a file that it names is damaged.
    """
    home = shard_name(shard_number(sample, shards))
    told = []
    for stage in stages:
        shard = home if lake.sidecar_path(stage, home).is_file() else ALL
        sidecar = lake.sidecar(stage, shard)
        if sidecar is not None:
            found = _outcome(lake, sidecar, sample, home)
            told.append({"stage": stage, "shard": shard, **found, "made_by": _made_by(sidecar)})
    return told


def _outcome(lake: Lake, sidecar: Sidecar, sample: str, home: str) -> dict[str, Any]:
    rows, set_aside = lake.rows(sidecar.stage, sidecar.shard), lake.set_aside(sidecar.stage, sidecar.shard)
    kept = find(rows, sample, bucket=home if sidecar.stage == SEEDS else None) if "rows" in sidecar.files else []
    aside = find(set_aside, sample) if "set_aside" in sidecar.files else []
    if kept:
        row = {name: value for name, value in kept[0].items() if name not in ("id", "fingerprint", "shard")}
        return {"outcome": "kept", "row": row} | ({"also": aside} if aside else {})
    if aside:
        first, *others = aside
        told = {name: first.pop(name) for name in ("outcome", "reason", "detail", "text")}
        row = {name: value for name, value in first.items() if name != "id"}
        return told | ({"row": row} if row else {}) | ({"also": others} if others else {})
    return {"outcome": "absent"}


def _made_by(sidecar: Sidecar) -> dict[str, Any]:
    run = sidecar.run
    return {
        "fingerprint": sidecar.fingerprint,
        "run_id": run.run_id,
        "started": run.started,
        "host": run.host,
        "version": run.version,
        "decided_by": sidecar.fields,
        "inputs": sidecar.inputs,
        "checks": {check.name: check.passed for check in sidecar.checks},
    }


def find(path: Path, sample: str, *, bucket: str | None = None) -> list[dict[str, Any]]:
    """The rows of a sample; only the row groups that can hold it are read.

    Args:
        path: the file.
        sample: the id.
        bucket: the sample's shard, for a file that is sorted by its column `shard`.

    Raises:
        LakeError: the file is missing, cut short or not Parquet.
    """
    found: list[dict[str, Any]] = []
    with _opened(path) as parquet, readable(path):
        for group, places in _places(parquet, sample, bucket):
            found += parquet.read_row_group(group, use_threads=False).take(places).to_pylist()
    return found


def position(path: Path, sample: str) -> int | None:
    """The row of a sample in a file, from 0; None where it has none.

    Raises:
        LakeError: the file is missing, cut short or not Parquet.
    """
    with open_parquet(path) as parquet, readable(path):
        for group, places in _places(parquet, sample, None):
            before: int = sum(parquet.metadata.row_group(number).num_rows for number in range(group))
            return before + places[0]
    return None


def id_at(path: Path, row: int) -> str:
    """The id in a row of a file, from 0.

    Raises:
        LakeError: the file is missing, cut short or not Parquet, or has fewer rows.
    """
    with open_parquet(path) as parquet, readable(path):
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if row < rows:
                return str(parquet.read_row_group(group, columns=["id"], use_threads=False)["id"][row].as_py())
            row -= rows
        raise pa.ArrowInvalid("it has fewer rows than it should have")


def by_shard(samples: Iterable[str], shards: int) -> dict[str, list[str]]:
    """Samples by the shard that follows from their id."""
    found: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        found[shard_name(shard_number(sample, shards))].append(sample)
    return dict(found)


def ids_among(path: Path, samples: Collection[str], *, bucket: str | None = None) -> list[str]:
    """Those of these samples that a file has rows of, each as often as it has.

    Args:
        path: the file.
        samples: the ids.
        bucket: their shard, where it is one and the file is sorted by its column `shard`.

    Raises:
        LakeError: the file is missing, cut short or not Parquet.
    """
    with _opened(path) as parquet, readable(path):
        if len(samples) == 1:
            (sample,) = samples
            return [sample for _, places in _places(parquet, sample, bucket) for _ in places]
        column = parquet.read(columns=["id"], use_threads=False)["id"]
        same = {sample: sample for sample in samples}  # millions of them take no memory of their own
        found = column.filter(pc.is_in(column, pa.array(samples, column.type)))
        return [same[sample] for chunk in found.chunks for sample in chunk.to_pylist()]


def of_source(lake: Lake, source: str, row: int) -> list[dict[str, Any]]:
    """The seed that a row of a source gives, or what it was set aside for; nothing where it has no such row.

    Args:
        lake: the lake.
        source: the source's name.
        row: its line in the file, or its record, from 1.

    Raises:
        LakeError: a file of `seed_sources` is damaged.
    """
    sidecar = lake.sidecar(SEEDS, ALL)
    kinds = {} if sidecar is None else sidecar.files
    for kind, path in (("rows", lake.rows(SEEDS, ALL)), ("set_aside", lake.set_aside(SEEDS, ALL))):
        if kind in kinds:
            with readable(path):
                wanted = [("source", "=", source), ("row", "=", row)]
                found: list[dict[str, Any]] = pq.read_table(path, filters=wanted, partitioning=None).to_pylist()
            if found:
                return found
    return []


def _opened(path: Path) -> pq.ParquetFile:
    """A Parquet file of the lake. The footer of what holds the whole corpus is read once as long as the file stays.

    Raises:
        LakeError: it is missing, cut short or not Parquet.
    """
    if path.stem != ALL:
        return open_parquet(path)
    with readable(path):
        status = path.stat()
        footer = _footer(path, status.st_mtime_ns, status.st_size, status.st_ino)
        return pq.ParquetFile(path, metadata=footer, memory_map=True)


@lru_cache(maxsize=8)
def _footer(path: Path, *state: int) -> pq.FileMetaData:
    del state
    return pq.read_metadata(path)


def _places(parquet: pq.ParquetFile, sample: str, bucket: str | None) -> Iterator[tuple[int, list[int]]]:
    """The row groups that hold a sample, and in which of their rows it stands."""
    names = parquet.schema_arrow.names
    if "id" not in names:
        raise pa.ArrowInvalid("it has no column 'id'")
    groups: Sequence[int] = range(parquet.num_row_groups)
    if bucket is not None and "shard" in names:
        # Thousands of groups in the order of their shards: looking at the limits of each would take most of the time.
        first = bisect_left(groups, bucket, key=lambda group: _limits(parquet, group, "shard")[1])
        groups = groups[first : bisect_right(groups, bucket, key=lambda group: _limits(parquet, group, "shard")[0])]
    limits = ((group, _limits(parquet, group, "id")) for group in groups)
    groups = [group for group, ends in limits if ends is None or ends[0] <= sample <= ends[1]]
    if not groups:
        return
    column = parquet.read_row_groups(groups, columns=["id"], use_threads=False)["id"]
    rows = pc.indices_nonzero(pc.fill_null(pc.equal(column, sample), False)).to_pylist()
    ends = [*accumulate(parquet.metadata.row_group(group).num_rows for group in groups)]
    for place, group in enumerate(groups):
        start = ends[place - 1] if place else 0
        if mine := [row - start for row in rows if start <= row < ends[place]]:
            yield group, mine


def _limits(parquet: pq.ParquetFile, group: int, name: str) -> Any:
    """The least and the greatest value of a column in a row group; None where the file does not say."""
    statistics = parquet.metadata.row_group(group).column(parquet.schema_arrow.names.index(name)).statistics
    return (statistics.min, statistics.max) if statistics is not None and statistics.has_min_max else None
