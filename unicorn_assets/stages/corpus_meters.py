"""Meters of all shards together, of diversity as they stand beside each, of quality from its rows: for the release."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unicorn_assets.curation.collapse import entropy, vendi_score
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.release.meters import PARTS
from unicorn_assets.stages.meters import DIVERSITY

VECTORS = 200_000
"""Text embeddings that the Vendi score of the whole is taken of, the first ones by id of each shard: ids are hashes."""

STEPS = 1_000
"""Steps of 0 to 1 that qualities are counted in for their quantiles, so that memory does not grow with the rows."""

_LEAST_OF_A_SHARD = 64
CAPTIONS = "curated_captions"
_COUNTS = ("texts", "words")


def corpus_meters(lake: Lake, shards: Sequence[str]) -> dict[str, Any]:
    """The meters of the shards together; what no shard has is left out.

    `captions_diversity` and `questions_diversity` are means of the shards' meters, weighted by their words, with the
    counts summed; `question_entropy` is of the summed types; `vendi_score` of the shards' embeddings, taken together;
    `quality` of all curated captions, `topics` and `topic_entropy` of those whose seed names a topic.

    Raises:
        LakeError: a sidecar or a file of embeddings is damaged.
    """
    captions, dialogs = _sidecars(lake, CAPTIONS, shards), _sidecars(lake, "instruction_dialogs", shards)
    types = Counter[str]()
    for one in dialogs:
        types.update(one.metrics.get("question_types", {}))
    found: dict[str, Any] = {
        "captions_diversity": merged(one.metrics.get(DIVERSITY, {}) for one in captions),
        "questions_diversity": merged(one.metrics.get(DIVERSITY, {}) for one in dialogs),
    }
    if types:
        found["question_entropy"] = round(entropy(types), 4)
    judged = _Judged()
    for one in captions:
        judged.add(lake, one)
    found |= judged.metrics()
    vendi = _vendi(lake, [shard for shard in shards if lake.vectors("text_embeddings", shard).is_file()])
    if vendi is not None:
        found["vendi_score"] = round(vendi, 4)
    return {name: value for name, value in found.items() if value != {}}


def _sidecars(lake: Lake, stage: str, shards: Sequence[str]) -> list[Sidecar]:
    return [found for shard in shards if (found := lake.sidecar(stage, shard)) is not None]


def merged(meters: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Means of the shards' meters, weighted by their words; counts are summed. Empty where no shard has any."""
    listed = [one for one in meters if one.get("words")]
    total = sum(one["words"] for one in listed)
    means = {
        name: round(sum(one[name] * one["words"] for one in listed) / total, 6)
        for name in (listed[0] if listed else ())
        if name not in _COUNTS
    }
    return {name: sum(one[name] for one in listed) for name in _COUNTS if listed} | means


class _Judged:
    """Quality and topics of curated captions, a shard at a time."""

    def __init__(self) -> None:
        self._qualities = np.zeros(STEPS + 1, np.int64)
        self._sums = dict.fromkeys(("quality", *PARTS), 0.0)
        self._topics = Counter[str]()

    def add(self, lake: Lake, found: Sidecar) -> None:
        """Takes in the captions of a shard; such as have no quality, of before there was any, count for nothing."""
        if "rows" not in found.files:
            return
        rows = _columns(lake, CAPTIONS, found.shard, ["id", *self._sums])
        if rows.num_columns == 1 + len(self._sums):
            qualities = np.nan_to_num(np.asarray(rows["quality"], np.float64))
            self._qualities += np.bincount(np.rint(qualities * STEPS).astype(np.int64), minlength=STEPS + 1)
            for name in self._sums:
                self._sums[name] += float(np.nan_to_num(np.asarray(rows[name], np.float64)).sum())
        seeds = _columns(lake, "caption_seeds", found.shard, ["id", "topic"])
        places = pc.index_in(rows["id"], value_set=seeds["id"].combine_chunks())
        for one in pc.value_counts(seeds["topic"].take(places).drop_null()).to_pylist():
            self._topics[one["values"]] += one["counts"]

    def metrics(self) -> dict[str, Any]:
        """What was found; nothing of what no caption had."""
        rows = int(self._qualities.sum())
        told: dict[str, Any] = {}
        if rows:
            means = {name: round(total / rows, 4) for name, total in self._sums.items()}
            below = np.cumsum(self._qualities)
            low, median, high = (int(np.searchsorted(below, share * rows)) / STEPS for share in (0.05, 0.5, 0.95))
            spread = {"mean": means.pop("quality"), "low": low, "median": median, "high": high}
            told["quality"] = {"captions": rows, **spread, **means}
        if self._topics:
            told |= {"topics": len(self._topics), "topic_entropy": round(entropy(self._topics), 4)}
        return told


def _columns(lake: Lake, stage: str, shard: str, names: Sequence[str]) -> pa.Table:
    path = lake.rows(stage, shard)
    with open_parquet(path) as parquet, readable(path):
        there = [name for name in names if name in parquet.schema_arrow.names]
        return parquet.read(columns=there, use_threads=False)


def _vendi(lake: Lake, shards: Sequence[str]) -> float | None:
    wanted = max(VECTORS // max(len(shards), 1), _LEAST_OF_A_SHARD)
    products, count = None, 0
    for shard in shards:
        left = wanted
        for _, vectors in iter_vectors(lake.vectors("text_embeddings", shard)):
            rows = np.asarray(vectors[:left], dtype=np.float64)
            products = rows.T @ rows if products is None else products + rows.T @ rows
            count, left = count + len(rows), left - len(rows)
            if not left:
                break
    return None if products is None else vendi_score(products / count)
