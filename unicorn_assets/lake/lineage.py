"""A sample's story, read from the shard that follows from its id: quick at any size, and without the catalog."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from unicorn_assets.identity import ID_LENGTH, shard_name, shard_number
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.shards import readable
from unicorn_assets.lake.sidecar import Sidecar


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

    Each entry has `stage`, `shard`, `outcome` (`kept`, `rejected`, `not_selected` or `absent`), the `row` or the
    `reason` and `detail`, and `made_by`: fingerprint, run, engine and whatever else decided the rows.

    Raises:
        LakeError: a sidecar or a file that it names is damaged.
    """
    home = shard_name(shard_number(sample, shards))
    told = []
    for stage in stages:
        shard = home if lake.sidecar_path(stage, home).is_file() else ALL
        sidecar = lake.sidecar(stage, shard)
        if sidecar is not None:
            found = _outcome(lake, sidecar, sample)
            told.append({"stage": stage, "shard": shard, **found, "made_by": _made_by(sidecar)})
    return told


def _outcome(lake: Lake, sidecar: Sidecar, sample: str) -> dict[str, Any]:
    kept = find(lake.rows(sidecar.stage, sidecar.shard), sample) if "rows" in sidecar.files else []
    aside = find(lake.set_aside(sidecar.stage, sidecar.shard), sample) if "set_aside" in sidecar.files else []
    if kept:
        row = {name: value for name, value in kept[0].items() if name not in ("id", "fingerprint", "shard")}
        return {"outcome": "kept", "row": row} | ({"also": aside} if aside else {})
    if aside:
        return {name: aside[0][name] for name in ("outcome", "reason", "detail", "text")}
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


def find(path: Path, sample: str) -> list[dict[str, Any]]:
    """The rows of a sample; only the row groups whose ids can hold it are read.

    Raises:
        LakeError: the file is missing, cut short or not Parquet.
    """
    with readable(path):
        found = pq.read_table(path, filters=[("id", "=", sample)], partitioning=None)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows
