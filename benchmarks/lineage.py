"""Trace and withdraw in a lake of 1,000 shards that this makes: one sample's story, and all that was made of one seed.

Ids are as random as real ones; texts are drawn from a few, so that the lake takes little disk. The yardstick is what
the views of the catalog take for the same sample, over the files of all shards.

Run it with `python -m benchmarks.lineage [ROWS]`, 1,200,000 rows by default; 10,000,000 take about 1.5 GB of disk in
the folder for temporary files.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets import recipe as recipes
from unicorn_assets.engines.base import Answer, Message, Model, Request, Sampling
from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.home import Home
from unicorn_assets.identity import ID_LENGTH, shard_names
from unicorn_assets.lake import views
from unicorn_assets.lake.layout import ALL, LAKE_VERSION
from unicorn_assets.lake.shards import BATCH_ROWS, SET_ASIDE, parquet_writer
from unicorn_assets.lake.sidecar import Check, DataFile, Run, Sidecar
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import tracing, withdrawal
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.synthesis.seeds import pick
from unicorn_assets.synthesis.seeds.buckets import ROWS_PER_GROUP, SEEDS

SHARDS = 1_000
ROWS = 1_200_000
MOST_TRACE_MS, MOST_WITHDRAW_MS = 50.0, 1_000.0
TEXT = "A narrow path of grey stones leads past a wooden gate, where a brown dog waits in the low light of evening. "
TEXTS = [f"{number} {TEXT * 6}" for number in range(64)]
VERSION = "0123456789abcdef"
DIALOGS = 3
"""One caption in so many has a dialog."""


class Ids:
    """The ids of each shard, sorted; the shard follows from an id as everywhere."""

    def __init__(self, rows: int) -> None:
        self.each = rows // SHARDS
        self._random = np.random.default_rng(0)

    def of(self, shard: int) -> Any:
        """Ids of a shard, (rows of a shard,) of Arrow's strings."""
        numbers = self._random.integers(0, 2**63 // SHARDS, self.each, np.uint64) * SHARDS + shard
        numbers.sort()
        tails = self._random.integers(0, 2**16, self.each, np.uint16)
        parts = [numbers.astype(">u8").view(np.uint8).reshape(-1, 8), tails.astype(">u2").view(np.uint8).reshape(-1, 2)]
        text = np.hstack(parts).tobytes().hex().encode()
        offsets = np.arange(0, ID_LENGTH * (self.each + 1), ID_LENGTH, dtype=np.int32)
        return pa.StringArray.from_buffers(self.each, pa.py_buffer(offsets), pa.py_buffer(text))


def column(field: pa.Field, ids: Any) -> Any:
    """A column of a stage, of whatever type, for these ids."""
    if field.name == "id":
        return ids
    if pa.types.is_string(field.type):
        texts = TEXTS if field.name == "caption" else [text[:60] for text in TEXTS]
        return pa.DictionaryArray.from_arrays(np.arange(len(ids), dtype=np.int32) % 64, texts).cast(pa.string())
    return pa.nulls(len(ids), field.type)


def table(schema: pa.Schema, ids: Any) -> pa.Table:
    return pa.table([column(field, ids) for field in schema], schema=schema)


def write(path: Path, rows: pa.Table, group: int = BATCH_ROWS) -> DataFile:
    with parquet_writer(path, rows.schema) as writer:
        writer.write_table(rows, row_group_size=group)
    name = path.name if path.parent.name != "set_aside" else f"set_aside/{path.name}"
    return DataFile(name=name, bytes=path.stat().st_size, sha256="0" * 64)


def sidecar(home: Home, stage: str, shard: str, files: dict[str, DataFile]) -> None:
    """What stands beside a shard: as long as a real one, and written without waiting for the disk."""
    checks = [
        Check(name=name, passed=True, blocking=True, severity="ERROR", description=TEXT, figures={"rows": 1})
        for name in ("rows_conserved", "schema", "ids_unique")
    ]
    fields: dict[str, Any] = {"engine": {"kind": "openai", "model": "m", "revision": ""}, "prompt": "expansion-1"}
    if stage == "seed_sources":
        fields = {"sources": [{"name": "coco", "licence": "CC-BY-4.0"}]}
    run = Run(run_id="run", started="2026-01-01T00:00:00+00:00", seconds=1.0, host="host", version="0.1.0")
    made = Sidecar(
        lake_version=LAKE_VERSION,
        stage=stage,
        shard=shard,
        fingerprint="ab" * 16,
        fields=fields | {"sampling": {"temperature": 0.7, "top_p": 0.9, "max_tokens": 512}},
        inputs={"above": "cd" * 16},
        produced=dict.fromkeys(shard_names(SHARDS), "ef" * 16) if stage == "seed_sources" else {},
        rows_in=1,
        rows_out=1,
        rejected={},
        not_selected={},
        files=files,
        checks=checks,
        metrics={"sources": {"coco": {}}},
        run=run,
    )
    home.lake.sidecar_path(stage, shard).write_text(made.dump())


def fill(home: Home, rows: int) -> list[str]:
    """Makes all stages, a release and one shard's answers; returns an id of each of a hundred shards."""
    ids, names, some = Ids(rows), shard_names(SHARDS), []
    sharded = {name: stage.written for name, stage in UPSTREAM.items() if stage.sharded}
    for stage in (*sharded, "seed_sources", "modality_alignment"):
        (home.lake.root / stage / "set_aside").mkdir(parents=True)
    release = home.releases / "demo" / VERSION
    for name in ("pretrain", "instruction"):
        (release / name).mkdir(parents=True)
    counts: dict[str, dict[str, int]] = {"pretrain": {}, "instruction": {}}
    source = home.lake.rows("seed_sources", ALL)
    with pq.ParquetWriter(source, SEEDS, compression="zstd", write_statistics=["shard"]) as seeds:
        for number, shard in enumerate(names):
            mine = ids.of(number)
            seeds.write_table(table(SEEDS, mine).set_column(1, "shard", pa.array([shard] * len(mine))))
            for stage, schema in sharded.items():
                kept = mine[::DIALOGS] if stage.startswith("instruction") else mine
                files = {"rows": write(home.lake.rows(stage, shard), table(schema, kept))}
                dropped = pa.concat_arrays([mine[1::DIALOGS], mine[2::DIALOGS]]) if kept is not mine else mine[:0]
                files["set_aside"] = write(home.lake.set_aside(stage, shard), table(SET_ASIDE, dropped))
                sidecar(home, stage, shard, files)
                if stage.endswith("_dataset"):
                    name = stage.removesuffix("_dataset")
                    counts[name][shard] = len(kept)
                    write(release / name / f"{shard}.parquet", table(schema, kept))
            if number % (SHARDS // 100) == 0:
                some.append(mine[len(mine) // 2].as_py())
                last = mine
    files = {"rows": DataFile(name="all.parquet", bytes=source.stat().st_size, sha256="0" * 64)}
    aside = pa.concat_arrays([ids.of(number) for number in range(SHARDS // 10)])
    files["set_aside"] = write(home.lake.set_aside("seed_sources", ALL), table(pick.SET_ASIDE, aside), ROWS_PER_GROUP)
    sidecar(home, "seed_sources", ALL, files)
    written = UPSTREAM["modality_alignment"].written
    sidecar(
        home,
        "modality_alignment",
        ALL,
        {"rows": write(home.lake.rows("modality_alignment", ALL), table(written, last[: min(len(last), 1_000)]))},
    )
    facts = {"tables": {name: {"shards": count} for name, count in counts.items()}, "recipe": {"shards": SHARDS}}
    described = {f"{name}/{shard}.parquet": {"bytes": 1, "sha256": "0" * 64} for name in counts for shard in names}
    (release / "manifest.json").write_text(json.dumps(facts | {"files": described}))
    answers(home, names[int(some[-1][:16], 16) % SHARDS], last.to_pylist())
    return some


def answers(home: Home, shard: str, ids: list[str]) -> None:
    """A complete store of one shard's captions."""
    model, sampling = Model("openai", "m", ""), Sampling(0.7, 0.9, 512, 1)
    with AnswerStore(home.answers("expanded_captions", shard)) as store:
        for sample in ids:
            request = Request(sample, "expansion", (Message("user", sample),), {}, "1", None, sampling)
            store.put(request.key(model), request, model, Answer(TEXT, "stop", 120, 140))
        store.compact()


Times = list[tuple[float, float]]
"""Milliseconds, on the clock and of the processor; where others are at work on the machine, the two differ."""


def timed(work: Callable[[str], object], samples: list[str]) -> Times:
    """How long it takes for each sample."""
    times = []
    for sample in samples:
        start, busy = time.perf_counter(), time.process_time()
        work(sample)
        times.append((1_000 * (time.perf_counter() - start), 1_000 * (time.process_time() - busy)))
    return times


def told(name: str, times: Times, limit: float | None = None) -> float:
    """Prints the medians; returns that of the processor, which does not depend on what else the machine does."""
    clock, busy = (float(statistics.median(column)) for column in zip(*times, strict=True))
    most = f", at most {limit:,.0f} ms" if limit is not None else ""
    worst = max(times)[0]
    print(
        f"{name:<44}{clock:>9,.1f} ms, {busy:,.1f} ms of CPU  (worst of {len(times)}: {worst:,.1f} ms{most})",
        flush=True,
    )
    return clock


def story(home: Home, recipe: Recipe, sample: str) -> None:
    found = tracing.told(home, recipe, sample)
    outcomes = {step["outcome"] for step in found["stages"] if step["stage"] == "pretrain_dataset"}
    if outcomes != {"kept"} or not found["released_in"]:
        raise AssertionError(f"{sample} was not found")


def descendants(home: Home, recipe: Recipe, sample: str) -> None:
    found = withdrawal.reach(home, recipe, "seed", sample)
    if sum(len(one.kept) for one in found.rows) < 7 or not found.releases:
        raise AssertionError(f"{sample} was not found")


def yardstick(home: Home, samples: list[str]) -> None:
    with duckdb.connect() as connection:
        views.create(connection, home.lake, home.path, anew=True)
        for view in ("expanded_captions", "lineage"):
            ask = partial(_rows, connection, f"SELECT * FROM {view} WHERE id = ?")
            told(f"the view {view}, one id", timed(ask, samples))


def _rows(connection: duckdb.DuckDBPyConnection, query: str, sample: str) -> list[Any]:
    return connection.execute(query, [sample]).fetchall()


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    recipe = recipes.load("demo").model_copy(update={"shards": SHARDS})
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        home.prepare()
        start = time.perf_counter()
        some = fill(home, rows)
        used = sum(path.stat().st_blocks * 512 for path in home.path.rglob("*") if path.is_file())
        print(
            f"{rows:,} rows in {SHARDS:,} shards, {rows // 10:,} more set aside, {used / 1e9:.2f} GB; "
            f"made in {time.perf_counter() - start:.0f} s"
        )
        story(home, recipe, some[0])  # what is imported and read once is not counted
        tracing_one, naming = partial(story, home, recipe), partial(descendants, home, recipe)
        traced = told("trace", timed(tracing_one, some), MOST_TRACE_MS)
        named = told("withdraw: every descendant of a seed named", timed(naming, some), MOST_WITHDRAW_MS)
        told("  the one of them whose answers are stored", timed(naming, some[-1:] * 5))
        told("  its tombstone, on the disk", timed(lambda one: home.withdrawals.add("seed", one, TEXT), some))
        yardstick(home, some[:5])
        if named > MOST_WITHDRAW_MS or (rows <= ROWS and traced > MOST_TRACE_MS):
            raise SystemExit("slower than promised")


if __name__ == "__main__":
    main()
