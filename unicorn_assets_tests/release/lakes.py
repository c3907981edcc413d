"""Small lakes that hold all that a release is made of, written the way the stages write them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.curation.decisions import merged, table_of
from unicorn_assets.identity import sample_id, shard_names, shard_number
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL, LAKE_VERSION, Lake
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.lake.sidecar import Check, Run, Sidecar
from unicorn_assets.recipe import Recipe
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.metrics.report import report
from unicorn_assets_tests.transfer.metrics.clouds import units

DIMENSION = 8
TASKS = ("complex_reasoning", "multiple_choice", "question_answering")
CONVERSATIONS = pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))
SEEDS = pa.schema(
    [(name, pa.string()) for name in ("id", "seed", "source", "licence", "origin", "image_id", "topic", "file")]
    + [("row", pa.int64())]
)
PRETRAIN = pa.schema([("id", pa.string()), ("caption", pa.string()), ("conversations", CONVERSATIONS)])
INSTRUCTION = pa.schema([("id", pa.string()), ("task", pa.string()), *list(PRETRAIN)[1:]])
INPUTS = {
    "caption_seeds": ("seed_sources",),
    "expanded_captions": ("caption_seeds",),
    "curated_captions": ("expanded_captions",),
    "instruction_dialogs": ("curated_captions",),
    "text_embeddings": ("curated_captions",),
    "synthetic_image_embeddings": ("text_embeddings", "modality_alignment"),
    "pretrain_dataset": ("curated_captions", "synthetic_image_embeddings"),
    "instruction_dataset": ("instruction_dialogs", "curated_captions", "synthetic_image_embeddings"),
}
FIELDS = {
    "seed_sources": {"sources": [{"name": "coco", "file": "coco.jsonl", "sha256": "ab" * 32}], "version": 1},
    "modality_alignment": {"alignment": {"method": "mean_shift", "renormalise": True, "sample": 96}, "version": 1},
    "expanded_captions": {"engine": {"kind": "rules", "model": "rules", "revision": ""}, "version": 1},
    "text_embeddings": {"encoder": {"name": "/models/of/mine/tiny-encoder", "weights": "cd" * 8}, "version": 1},
}


def recipe(shards: int = 2, **changes: Any) -> Recipe:
    sources = [
        {"name": "coco", "path": "/data/of/mine/coco.jsonl", "licence": "CC-BY-4.0", "origin": "COCO"},
        {"name": "labels", "path": "/data/of/mine/labels.toml", "licence": "my own | terms"},
    ]
    return Recipe.model_validate({"name": "small", "shards": shards, "seeds": {"sources": sources}} | changes)


def vector(sample: str) -> np.ndarray:
    found = np.random.default_rng(int(sample, 16)).standard_normal(DIMENSION)
    return (found / np.linalg.norm(found)).astype(np.float16)


def gap(images: bool = False) -> dict[str, Any]:
    """Figures of a report as a fit's sidecar has them."""
    before, after, shown = (units(30, seed=seed) for seed in range(3))
    return report(before, after, shown if images else None).figures(axes=None)


def conversations(caption: str, turns: int) -> list[dict[str, str]]:
    said = []
    for turn in range(turns):
        said += [{"from": "human", "value": f"What is it, {turn}?"}, {"from": "gpt", "value": f"{turn}: {caption}"}]
    said[0]["value"] += "\n<image>"
    return said


class SmallLake:
    """A lake with `rows` seeds; every third is not curated, every second of the rest gets a dialog.

    The captions `unread` have a vector and no row in any dataset.
    """

    def __init__(self, root: Path, rows: int = 40, shards: int = 2, dialogs: bool = True, run: str = "run-1") -> None:
        self.lake = Lake(root)
        self.shards = shard_names(shards)
        self.run = run
        self.captions = {
            sample_id(f"seed {n}"): f"Seed {n} in full: “ein Hünd”, a | pipe,\na line, </s> ``` and 犬."
            for n in range(rows)
        }
        self.kept = sorted(sample for n, sample in enumerate(self.captions) if n % 3)
        self.unread = self.kept[-1]
        self.released = self.kept[:-1]
        self.asked = self.released[::2] if dialogs else []
        self.fingerprints: dict[tuple[str, str], str] = {}
        self._fill()
        self.select()

    def of(self, shard: str, samples: list[str]) -> list[str]:
        return [one for one in sorted(samples) if self.shards[shard_number(one, len(self.shards))] == shard]

    def row(self, table: str, sample: str) -> dict[str, Any]:
        caption = self.captions[sample]
        if table == "pretrain":
            return {"id": sample, "caption": caption, "conversations": conversations(caption, 1)}
        task = TASKS[int(sample, 16) % 3]
        return {"id": sample, "task": task, "caption": caption, "conversations": conversations(caption, 3)}

    @contextmanager
    def stage(self, stage: str, shard: str, **told: Any) -> Iterator[Drafts]:
        """Publishes what the block drafts with a sidecar that says what `told` says."""
        fingerprint = f"{stage}-{shard}-{told.pop('mark', '')}"
        with Drafts(self.lake, stage, shard) as drafts:
            yield drafts
            rows_out = told.pop("rows_out", 0)
            rejected, left = told.pop("rejected", {}), told.pop("not_selected", {})
            sidecar = Sidecar(
                lake_version=LAKE_VERSION,
                stage=stage,
                shard=shard,
                fingerprint=fingerprint,
                fields=FIELDS.get(stage, {"version": 1}) | told.pop("fields", {}),
                inputs={
                    above: self.fingerprints.get((above, shard)) or self.fingerprints[above, ALL]
                    for above in INPUTS.get(stage, ())
                },
                produced={},
                rows_in=rows_out + sum(rejected.values()) + sum(left.values()),
                rows_out=rows_out,
                rejected=rejected,
                not_selected=left,
                files=drafts.describe(),
                checks=told.pop("checks", []),
                metrics=told.pop("metrics", {}) | {"answers_reused": len(self.run)},
                run=Run(run_id=self.run, started=self.run, seconds=len(self.run), host=self.run, version="0"),
            )
            assert not told
            self.fingerprints[stage, shard] = fingerprint
            drafts.publish(sidecar)

    def _fill(self) -> None:
        everything = sorted(self.captions)
        with self.stage("seed_sources", ALL, rows_out=len(everything), rejected={"too_short": 2, "url": 1}):
            pass
        fit = FittedTransfer(MeanShift(np.full(DIMENSION, 0.1)), sample=96)
        metrics = {"gap": gap(), "fitted_on": {"captions": 96}, "method": "mean_shift", "lost": 0}
        with self.stage("modality_alignment", ALL, rows_out=96, metrics=metrics) as drafts:
            fit.save(drafts.add("transfer"))
            drafts.add("picture").write_bytes(b"\x89PNG")
        for shard in self.shards:
            self._fill_shard(shard, everything)

    def _fill_shard(self, shard: str, everything: list[str]) -> None:
        here, kept = self.of(shard, everything), self.of(shard, self.kept)
        released, asked = self.of(shard, self.released), self.of(shard, self.asked)
        self.seeds(shard, here)
        with self.stage("expanded_captions", shard, rows_out=len(here)):
            pass
        with self.stage("curated_captions", shard, rows_out=len(kept), rejected={"too_long": len(here) - len(kept)}):
            pass
        with self.stage(
            "instruction_dialogs", shard, rows_out=len(asked), not_selected={"not_drawn": len(kept) - len(asked)}
        ):
            pass
        self.texts(shard, cut=1)
        self.images(shard, kept)
        self.dataset("pretrain_dataset", shard, released)
        self.dataset("instruction_dataset", shard, asked)

    def select(self, *left: tuple[str, str, str], mark: str = "") -> None:
        """Decides over the candidates: rows of table, id and reason stay behind."""
        decided = merged([table_of({"table": table, "id": sample, "reason": reason} for table, sample, reason in left)])
        candidates = {"pretrain": self.released, "instruction": self.asked}
        told = {}
        for table, samples in candidates.items():
            reasons = dict(sorted(Counter(reason for name, _, reason in left if name == table).items()))
            selected = len(samples) - sum(reasons.values())
            told[table] = {"candidates": len(samples), "selected": selected, "left": reasons}
        with self.stage(
            "selection",
            ALL,
            rows_out=sum(one["selected"] for one in told.values()),
            not_selected=Counter(reason for _, _, reason in left),
            metrics={"tables": told},
            mark=mark,
        ) as drafts:
            pq.write_table(decided, drafts.add("rows"))

    def seeds(self, shard: str, samples: list[str]) -> None:
        with self.stage("caption_seeds", shard, rows_out=len(samples)) as drafts:
            out = ShardWriter(drafts, SEEDS, "f")
            for number, sample in enumerate(samples):
                source = recipe().seeds.sources[int(sample, 16) % 2]
                out.row(
                    id=sample,
                    seed=self.captions[sample],
                    source=source.name,
                    licence=source.licence,
                    origin=source.origin,
                    image_id=None,
                    topic=None,
                    file="seeds",
                    row=number,
                )
            out.finish()

    def texts(self, shard: str, cut: int) -> None:
        nothing_cut = Check(
            name="nothing_cut",
            passed=cut == 0,
            blocking=False,
            severity="WARN",
            description="No caption is longer than the encoder's token limit.",
        )
        metrics = {"dimension": DIMENSION, "token_limit": 256, "rows_cut": cut}
        rows = len(self.of(shard, self.kept))
        with self.stage("text_embeddings", shard, rows_out=rows, metrics=metrics, checks=[nothing_cut]):
            pass

    def images(self, shard: str, samples: list[str], mark: str = "") -> None:
        with self.stage("synthetic_image_embeddings", shard, rows_out=len(samples), mark=mark) as drafts:
            out = ShardWriter(drafts, pa.schema([("id", pa.string())]), "f")
            vectors = out.open_vectors(DIMENSION)
            for sample in samples:
                out.row(id=sample)
                vectors.write([sample], vector(sample)[None])
            out.finish()

    def dataset(self, stage: str, shard: str, samples: list[str], **told: Any) -> None:
        table = stage.removesuffix("_dataset")
        with self.stage(stage, shard, rows_out=len(samples), **told) as drafts:
            out = ShardWriter(drafts, PRETRAIN if table == "pretrain" else INSTRUCTION, "f")
            for sample in samples:
                out.row(**self.row(table, sample))
            out.finish()
