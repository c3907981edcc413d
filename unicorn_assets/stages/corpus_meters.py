"""Meters of diversity of all shards together, merged from what stands beside each: for the release to tell."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from unicorn_assets.curation.collapse import entropy, vendi_score
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.stages.meters import DIVERSITY

VECTORS = 200_000
"""Text embeddings that the Vendi score of the whole is taken of, the first ones by id of each shard: ids are hashes."""

_LEAST_OF_A_SHARD = 64
_COUNTS = ("texts", "words")


def corpus_meters(lake: Lake, shards: Sequence[str]) -> dict[str, Any]:
    """The meters of the shards together; what no shard has is left out.

    `captions_diversity` and `questions_diversity` are means of the shards' meters, weighted by their words, with the
    counts summed; `question_entropy` is of the summed types; `vendi_score` of the shards' embeddings, taken together.

    Raises:
        LakeError: a sidecar or a file of embeddings is damaged.
    """
    captions, dialogs = _sidecars(lake, "curated_captions", shards), _sidecars(lake, "instruction_dialogs", shards)
    types = Counter[str]()
    for one in dialogs:
        types.update(one.metrics.get("question_types", {}))
    found: dict[str, Any] = {
        "captions_diversity": merged(one.metrics.get(DIVERSITY, {}) for one in captions),
        "questions_diversity": merged(one.metrics.get(DIVERSITY, {}) for one in dialogs),
    }
    if types:
        found["question_entropy"] = round(entropy(types), 4)
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
