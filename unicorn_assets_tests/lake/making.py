"""Small shards for the tests of the lake, and what their child processes do."""

import gc
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL, LAKE_VERSION, Lake
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.lake.sidecar import Check, Run, Sidecar
from unicorn_assets.recipe import Recipe, Seeds, Source

# Children are forked from one server that has imported everything, so that many of them take a second.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])

TEXT = pa.schema([("id", pa.string()), ("text", pa.string())])
COLUMNS = {
    "caption_seeds": {"seed": "s", "source": "coco", "licence": "CC0-1.0", "origin": "o", "topic": None}
    | {"file": "coco.jsonl", "row": 7},
    "expanded_captions": {"caption": "a long caption"},
    "curated_captions": {"caption": "a long caption"},
    "instruction_dialogs": {"task": "multiple_choice"},
    "text_embeddings": {"tokens": 120, "cut": False},
    "synthetic_image_embeddings": {},
    "pretrain_dataset": {"caption": "a long caption"},
    "instruction_dataset": {"task": "multiple_choice"},
}
"""The columns that the view `lineage` takes from each stage, with a value for every row."""


def recipe(**options: Any) -> Recipe:
    return Recipe(
        **{"name": "small", "seeds": Seeds(sources=(Source(name="coco", path="/seeds/coco.jsonl"),))} | options
    )


def ids(count: int, start: int = 0) -> list[str]:
    return sorted(sample_id(f"seed {number}") for number in range(start, start + count))


def sidecar(drafts: Drafts, stage: str, shard: str, **changes: Any) -> Sidecar:
    fields: dict[str, Any] = {
        "lake_version": LAKE_VERSION,
        "stage": stage,
        "shard": shard,
        "fingerprint": "ab" * 16,
        "fields": {"engine": {"kind": "rules", "model": "rules", "revision": "1"}},
        "inputs": {},
        "produced": {},
        "rows_in": 0,
        "rows_out": 0,
        "rejected": {},
        "not_selected": {},
        "files": drafts.describe(),
        "checks": [
            Check(
                name="rows_conserved",
                passed=True,
                blocking=True,
                severity="ERROR",
                description="None is lost.",
                figures={"rows": 3},
            )
        ],
        "metrics": {"words_mean": 120.5},
        "run": Run(run_id="run", started="2026-01-01T00:00:00+00:00", seconds=1.5, host="here", version="0.1.0"),
    }
    return Sidecar(**fields | changes)


def make(
    lake: Lake,
    stage: str,
    shard: str,
    kept: list[str],
    *,
    rejected: list[str] | None = None,
    skipped: list[str] | None = None,
    text: str = "text",
    before_publish: Callable[[], object] = lambda: None,
    **changes: Any,
) -> Sidecar:
    """Publishes a shard with a row for each id, the way a stage does."""
    columns = COLUMNS.get(stage, {"text": text})
    row = pa.RecordBatch.from_pylist([{"id": "", **columns}])
    schema = row.schema if stage in COLUMNS else TEXT
    with Drafts(lake, stage, shard) as drafts:
        out = ShardWriter(drafts, schema, "ab" * 16)
        for sample in kept:
            out.row(id=sample, **columns)
        for sample in rejected or []:
            out.reject(sample, "too_short", "2 words", text)
        for sample in skipped or []:
            out.skip(sample, "not_drawn", "drawn by hash")
        out.finish()
        counts = {
            "rows_in": len(kept) + sum(out.rejected.values()) + sum(out.not_selected.values()),
            "rows_out": out.rows_out,
            "rejected": dict(out.rejected),
            "not_selected": dict(out.not_selected),
        }
        made = sidecar(drafts, stage, shard, **counts | changes)
        before_publish()
        drafts.publish(made)
    return made


def make_all(lake: Lake, shard: str, kept: list[str]) -> None:
    """A lake with this one shard in all stages, and the gathered seeds above it."""
    make(lake, "seed_sources", ALL, kept, rejected=ids(1, 1000))
    for stage in COLUMNS:
        make(lake, stage, shard, kept)


def killed_at(call: int, work: Callable[..., object], *arguments: object) -> None:
    """Does `work`; killed just before the call with that number that syncs, renames or deletes a file."""
    left = call

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def called(*arguments: object, **options: object) -> object:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return real(*arguments, **options)

        return called

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, dying(getattr(os, name)))
    work(*arguments)


def ended(work: Callable[..., object], *arguments: object) -> int:
    """Exit status of a real process that did `work`; -9 where it was killed."""
    child = PROCESSES.Process(target=work, args=arguments)
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode


def limited(size: int, work: Callable[..., object], *arguments: object) -> str:
    """What a process says of `work` in which no file may grow beyond `size` bytes; the disk's end for one process."""
    here, there = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=_limited, args=(size, there, work, *arguments))
    child.start()
    there.close()
    told: str = here.recv()
    child.join(60)
    return told


def _limited(size: int, tell: Connection, work: Callable[..., object], *arguments: object) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    noise: list[str] = []
    sys.unraisablehook = lambda raised: noise.append(repr(raised.exc_value))
    try:
        work(*arguments)
        told = "done"
    except Exception as error:
        told = f"{type(error).__name__} {error}"
    gc.collect()
    tell.send(told + "".join(noise))


def hold_run_lock(path: Path, tell: Connection) -> None:
    with Home(path).lock():
        tell.send("held")
        tell.recv()


def finish_shards(path: Path, stage: str, numbers: range) -> None:
    """Makes shards one after another as steps do, never waiting for the catalog."""
    home = Home(path)
    for number in numbers:
        shard = f"shard-{number:04d}"
        mark = lambda shard=shard: home.catalog.mark(stage, shard)  # noqa: E731
        make(home.lake, stage, shard, ids(3, number), rejected=ids(2, 100 + number), before_publish=mark)
        home.catalog.catch_up(wait_seconds=0.05)


def publish_and_die(path: Path, stage: str, shard: str) -> None:
    home = Home(path)
    make(home.lake, stage, shard, ids(3), before_publish=lambda: home.catalog.mark(stage, shard))
    os.kill(os.getpid(), signal.SIGKILL)


def read_for_long(path: Path, tell: Connection) -> None:
    """Keeps a snapshot open, and tells what it sees before and after the others went on."""
    with Home(path).catalog.snapshot() as connection:
        tell.send(connection.execute("SELECT count(*) FROM materializations").fetchall())
        tell.recv()
        tell.send(connection.execute("SELECT count(*) FROM materializations").fetchall())
