"""The torch Dataset at 1.2 million rows: random access, the first row, own memory; against the authors' linear scan.

Run it with `python -m benchmarks.torch_dataset [ROWS] [FOLDER]`; it writes 5 GB below the folder. Each form is a
process of its own; imports are counted apart. A row is its record as Python values and its vector of 1,280 numbers as a
tensor. Own memory is what no file stands behind (Linux: RssAnon).

Plain forms, as the trainers of the papers' authors have them, everything in memory: the records by `json.load`, and
either a list of {"id", "embed"} that is gone through to its end for every row (Unicorn) or a dict by id (ReVision). In
their favour, their vectors are views of one mapped array here, which costs nothing to load; their pickles would.
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.transfer import DIMENSION, anonymous, embeddings

SHARDS = 120
BATCH = 256
ROWS_READ = {
    "dataset": 200_000,
    "dataset, row by row": 100_000,
    "dataset, 2 workers": 200_000,
    "dict": 200_000,
    "scan": 3,
}


def captions() -> list[str]:
    """A thousand texts of 110 words."""
    draw = random.Random(1)
    words = [f"word{number}" for number in range(2000)]
    return [" ".join(draw.choices(words, k=110)) + "." for _ in range(1000)]


def write(folder: Path, rows: int) -> None:
    """What the Dataset reads of a release: vectors, records, index and manifest."""
    from unicorn_assets.identity import shard_names, shard_number
    from unicorn_assets.lake.vectors import VectorWriter
    from unicorn_assets.release import llava
    from unicorn_assets.release.manifest import FILE, FORMAT_VERSION, MadeBy, Manifest, ShardCoverage, Table

    names = shard_names(SHARDS)
    ids: dict[str, list[str]] = {name: [] for name in names}
    for number in range(rows):
        sample = hashlib.blake2b(str(number).encode(), digest_size=10).hexdigest()
        ids[names[shard_number(sample, SHARDS)]].append(sample)
    texts, block = captions(), embeddings(20_000, 1, 0.0)
    (folder / "embeddings").mkdir()
    (folder / llava.FOLDER).mkdir()
    with (
        llava.ArrayWriter(folder / llava.FOLDER / "pretrain.json") as records,
        llava.IndexWriter(folder / llava.FOLDER / llava.index_name("pretrain")) as index,
    ):
        for name in names:
            here = sorted(ids[name])
            with VectorWriter(folder / "embeddings" / f"{name}.arrow", DIMENSION) as vectors:
                for start in range(0, len(here), len(block)):
                    part = here[start : start + len(block)]
                    vectors.write(part, block[: len(part)])
            index.write(here, records.write(_record(sample, texts) for sample in here), range(len(here)))
    shards = {name: len(here) for name, here in ids.items()}
    tables = {name: Table(rows=rows, shards=shards) for name in ("pretrain", "embeddings")}
    facts = Manifest(
        name="benchmark",
        version="",
        format=FORMAT_VERSION,
        tables=tables | {"instruction": Table(rows=0, shards=dict.fromkeys(shards, 0))},
        figures={},
        coverage=ShardCoverage(released=SHARDS, expected=SHARDS, missing=[]),
        selection={},
        mix={},
        made_by=MadeBy(engine={}, encoder={"dimension": DIMENSION}, transfer={}),
        licences=[],
        libraries={},
        recipe={"shards": SHARDS, "release": {"formats": ["llava"], "validation": 0.0}},
        stages={},
        files={},
        changes=None,
        seal="",
    )
    (folder / FILE).write_text(facts.sealed().dump())


def _record(sample: str, texts: Sequence[str]) -> dict[str, Any]:
    caption = texts[int(sample[:6], 16) % len(texts)]
    asked = {"from": "human", "value": "<image>\nDescribe this image in detail."}
    return {"id": sample, "caption": caption, "conversations": [asked, {"from": "gpt", "value": caption}]}


def each(one: Callable[[int], Any]) -> Callable[[Sequence[int]], None]:
    def read(rows: Sequence[int]) -> None:
        for row in rows:
            one(row)

    return read


Reader = tuple[Callable[[Sequence[int]], Any], Callable[[int], Any], int]
"""Reads many rows, reads one row, and how many rows there are."""


def dataset(folder: Path) -> Reader:
    from unicorn_assets.release.torch_dataset import ReleaseDataset

    found = ReleaseDataset(folder)

    def read(rows: Sequence[int]) -> None:
        for start in range(0, len(rows), BATCH):
            found.__getitems__(rows[start : start + BATCH])

    return read, found.__getitem__, len(found)


def row_by_row(folder: Path) -> Reader:
    _, one, rows = dataset(folder)
    return each(one), one, rows


def two_workers(folder: Path) -> Reader:
    from torch.utils.data import DataLoader, Subset

    from unicorn_assets.release.torch_dataset import Collator, ReleaseDataset

    found = ReleaseDataset(folder)

    def read(rows: Sequence[int]) -> None:
        loader = DataLoader(Subset(found, rows), batch_size=BATCH, num_workers=2, collate_fn=Collator())
        assert sum(len(batch["ids"]) for batch in loader) == len(rows)

    return read, found.__getitem__, len(found)


def in_memory(folder: Path) -> tuple[list[Any], list[dict[str, Any]]]:
    from unicorn_assets.lake.vectors import iter_vectors

    with (folder / "llava" / "pretrain.json").open(encoding="utf-8") as file:
        records = json.load(file)
    listed = [
        {"id": sample, "embed": vector}
        for path in sorted((folder / "embeddings").iterdir())
        for ids, vectors in iter_vectors(path)
        for sample, vector in zip(ids, vectors, strict=True)
    ]
    return records, listed


def scan(folder: Path) -> Reader:
    import torch

    records, listed = in_memory(folder)

    def one(row: int) -> Any:
        record, sample = records[row], {}
        for embed in listed:
            if str(embed.get("id")) == str(record["id"]):
                sample["embed"] = embed.get("embed")
        return record, torch.from_numpy(np.array(sample["embed"]))

    return each(one), one, len(records)


def by_id(folder: Path) -> Reader:
    import torch

    records, listed = in_memory(folder)
    known = {one["id"]: one["embed"] for one in listed}

    def one(row: int) -> Any:
        return records[row], torch.from_numpy(np.array(known[records[row]["id"]]))

    return each(one), one, len(records)


FORMS: dict[str, Callable[[Path], Reader]] = {
    "dataset": dataset,
    "dataset, row by row": row_by_row,
    "dataset, 2 workers": two_workers,
    "dict": by_id,
    "scan": scan,
}


def child(form: str, folder: Path) -> None:
    import torch  # noqa: F401 - imports are counted apart

    import unicorn_assets.release.torch_dataset  # noqa: F401

    before, start = anonymous(), time.perf_counter()
    read, one, rows = FORMS[form](folder)
    one(rows // 2)
    first = time.perf_counter() - start
    wanted = random.Random(2).choices(range(rows), k=ROWS_READ[form])
    start = time.perf_counter()
    read(wanted)
    seconds = time.perf_counter() - start
    print(first, len(wanted) / seconds, (anonymous() - before) * 1024 / 1e6)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_200_000
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as name:
        folder = Path(name)
        write(folder, rows)
        print(f"{rows:,} rows of {DIMENSION} numbers in {SHARDS} shards, rows drawn at random")
        print(f"{'':<22}{'first row':>12}{'rows/s':>14}{'own memory':>14}", flush=True)
        for form in FORMS:
            command = [sys.executable, "-m", "benchmarks.torch_dataset", "--child", form, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            first, speed, memory = (float(figure) for figure in done.stdout.split())
            shown = f"{speed:,.0f}" if speed >= 100 else f"{speed:.2f}"
            print(f"{form:<22}{first:>10.3f} s{shown:>14}{memory:>11,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
