"""A HOME with datasets of some shards, twins planted in them, and what follows from near-duplicates there."""

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from unicorn_assets.curation import decisions
from unicorn_assets.curation.decisions import Leaving
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id, shard_names
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.release.build import Coverage
from unicorn_assets.stages.deduplication import decide
from unicorn_assets.stages.duplicates import NEAR_DUPLICATES
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.curation.duplicates.planted import changed, fresh, vocabulary
from unicorn_assets_tests.lake.making import recipe, sidecar

STAGE = NEAR_DUPLICATES.name
TEXT = [("id", pa.string()), ("caption", pa.string())]
TURNS = pa.list_(pa.struct([("question", pa.string()), ("answer", pa.string()), ("options", pa.list_(pa.string()))]))


class Corpus:
    """A home with datasets of some shards and nothing above them: {shard: {id: caption}}, {shard: {id: questions}}."""

    def __init__(self, path, shards=3, **chosen):
        self.home, self.shards = Home(path), shard_names(shards)
        self.tools = Tools(self.home, recipe(shards=shards, duplicates=chosen))
        self.captions = {shard: {} for shard in self.shards}
        self.questions = {shard: {} for shard in self.shards}
        self.quality = {}
        self.vectors = {}
        self.present = list(self.shards)

    def put(self):
        """Writes all shards as they are now."""
        for shard in self.shards:
            captions = sorted(self.captions[shard].items())
            graded = [*TEXT, ("quality", pa.float32())] if self.quality else TEXT
            grades = [{"quality": self.quality.get(sample, 0.0)} if self.quality else {} for sample, _ in captions]
            rows = [{"id": sample, "caption": caption} for sample, caption in captions]
            self._shard(
                "curated_captions", shard, graded, [{**row, **more} for row, more in zip(rows, grades, strict=True)]
            )
            self._shard("pretrain_dataset", shard, TEXT, rows)
            if self.vectors:
                known = [sample for sample in sorted(self.captions[shard]) if sample in self.vectors]
                self._shard("text_embeddings", shard, [("id", pa.string())], [{"id": sample} for sample in known])
            asked = sorted(self.questions[shard].items())
            turns = [
                {"id": sample, "turns": [{"question": text, "answer": "yes", "options": []} for text in texts]}
                for sample, texts in asked
            ]
            self._shard("instruction_dialogs", shard, [("id", pa.string()), ("turns", TURNS)], turns)
            self._shard("instruction_dataset", shard, [("id", pa.string())], [{"id": sample} for sample, _ in asked])
        return self

    def _shard(self, stage, shard, columns, rows):
        with Drafts(self.home.lake, stage, shard) as drafts:
            out = ShardWriter(drafts, pa.schema(columns), "ab" * 16)
            vectors = out.open_vectors(16) if stage == "text_embeddings" else None
            for row in rows:
                out.row(**row)
                if vectors is not None:
                    vectors.write([row["id"]], np.array([self.vectors[row["id"]]]))
            out.finish()
            drafts.publish(sidecar(drafts, stage, shard, rows_in=len(rows), rows_out=len(rows)))

    def coverage(self, tools):
        lake = self.home.lake
        stages = ["pretrain_dataset", "instruction_dialogs", "instruction_dataset", "curated_captions"]
        stages += ["text_embeddings"] if self.vectors else []
        fresh = {
            shard: [one.sha256 for stage in stages for one in lake.need(stage, shard).files.values()]
            for shard in self.present
        }
        return Coverage(fresh=len(fresh), expected=len(self.shards)), fresh

    def make(self, **options):
        return make(NEAR_DUPLICATES, self.tools, ALL, graph=graph(self.tools.recipe), run_id="test", **options)

    def rows(self):
        return pq.read_table(self.home.lake.rows(STAGE, ALL)).drop(["fingerprint"]).to_pylist()

    def files(self):
        """Rows without their fingerprint, which depends on the shards; pairs and texts as bytes."""
        lake = self.home.lake
        return self.rows(), lake.pairs(STAGE, ALL).read_bytes(), lake.texts(STAGE, ALL).read_bytes()

    def lost(self):
        return {(row["id"], row["turn"]): row["twin"] for row in self.rows()}


def filled(one, seed=1, texts=60):
    """Captions and questions with twins over all shards; returns it."""
    rng = random.Random(seed)
    known = vocabulary(rng)
    said = [fresh(rng, known) for _ in range(texts)]
    said += [changed(rng, known, words, 1) for words in said[:15]]
    said += [words[3:33] for words in said[15:25]]
    said += said[25:30]
    for number, words in enumerate(said):
        sample = sample_id(f"seed {number}")
        shard = one.shards[number % len(one.shards)]
        one.captions[shard][sample] = " ".join(words)
        one.questions[shard][sample] = [f"What is the {words[0]} doing here?", f"Is there a {known[number % 40]}?"]
    return one


def every_caption(one):
    return {sample for captions in one.captions.values() for sample in captions}


class _Work:
    """What the selection has when it asks what follows."""

    def __init__(self, one):
        self.lake, self.recipe, self.tools = one.home.lake, one.tools.recipe, one.tools


def followed(one, *left):
    """What follows where these candidates, (id, table), have left by an earlier rule."""
    rows = [{"id": sample, "table": table, "reason": "contaminated"} for sample, table in left]
    return decide(_Work(one), Leaving.of(decisions.table_of(rows))).to_pylist()
