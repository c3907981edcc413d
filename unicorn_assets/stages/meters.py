"""Meters of diversity in a shard's sidecar, and what should hold of them: within the recipe's bounds, like siblings.

Meters are taken of the first rows by id: ids are hashes, so these are as good as drawn. How a shard compares with its
siblings depends on which of them stand, so it only ever warns.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import sqrt
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.collapse import compression_ratio, robust_z, self_bleu, vendi_score
from unicorn_assets.curation.diversity import diversity
from unicorn_assets.errors import LakeError
from unicorn_assets.judging import Bounds
from unicorn_assets.lake.sidecar import Severity, Sidecar
from unicorn_assets.stages.base import CheckSpec, Finding, Finished
from unicorn_assets.text import words

DIVERSITY = "diversity"
"""The metric that holds the meters."""

METERED = 2_000
"""Texts that are metered: 200,000 words of captions."""

COMPARED = 100
"""Texts that self-BLEU compares with each other."""

LEAST_TEXTS = 50
"""Fewer texts say nothing about their shard: no bound and no sibling is held against them."""

SIBLINGS, LEAST_SIBLINGS = 32, 8
"""Other shards that a shard is compared with at most and at least: the ones before it, so that it costs the same
whatever the number of shards."""

_LOOKED_AT = 64


def text_meters(texts: Iterable[str]) -> dict[str, float]:
    """The meters of texts; the caller gives METERED at most. Empty where they have no word."""
    listed = list(texts)
    found = diversity(listed)
    if found is None:
        return {}
    split = [words(text) for text in listed]
    return {
        "texts": found.texts,
        "words": found.words,
        "distinct_1": round(found.distinct_1, 6),
        "distinct_2": round(found.distinct_2, 6),
        "type_token_ratio": round(found.type_token_ratio, 6),
        "opening_share": round(found.openings[0].share, 6),
        "compression": round(compression_ratio([word for text in split for word in text]), 6),
        "self_bleu": round(self_bleu(split[:COMPARED]), 6),
    }


def vector_meters(vectors: NDArray[Any]) -> dict[str, float]:
    """The meters of unit vectors, (n, dimension); empty where there are none."""
    if not len(vectors):
        return {}
    rows = np.asarray(vectors, dtype=np.float64)
    return {"texts": len(rows), "vendi": round(vendi_score(rows.T @ rows / len(rows)), 4)}


def _outside(meters: Mapping[str, float], bounds: Bounds) -> dict[str, str]:
    """The meters that fall out of their bounds, with what was wanted."""
    least = {"distinct_2": bounds.min_distinct_2}
    most = {
        "opening_share": bounds.max_opening_share,
        "compression": bounds.max_compression,
        "self_bleu": bounds.max_self_bleu,
    }
    low = {name: f"{meters[name]} below {limit}" for name, limit in least.items() if meters[name] < limit}
    return low | {name: f"{meters[name]} above {limit}" for name, limit in most.items() if meters[name] > limit}


def _bounded(finished: Finished) -> Finding:
    meters, chosen = finished.made.metrics[DIVERSITY], finished.work.recipe.diversity
    severity: Severity = "ERROR" if chosen.on_fail == "block" else "WARN"
    if meters.get("texts", 0) < LEAST_TEXTS:
        return Finding(True, {"texts": meters.get("texts", 0), "least": LEAST_TEXTS}, severity)
    if "vendi" in meters:
        outside = {"vendi": f"{meters['vendi']} below {chosen.min_vendi}"} if meters["vendi"] < chosen.min_vendi else {}
    else:
        bounds = chosen.questions if finished.stage.name == "instruction_dialogs" else chosen.captions
        outside = _outside(meters, bounds)
    return Finding(not outside, meters | {f"wrong/{name}": said for name, said in outside.items()}, severity)


def _alike(finished: Finished) -> Finding:
    meters, limit = finished.made.metrics[DIVERSITY], finished.work.recipe.diversity.max_z
    others = siblings(finished)
    if meters.get("texts", 0) < LEAST_TEXTS or len(others) < LEAST_SIBLINGS:
        return Finding(True, {"siblings": len(others), "least": LEAST_SIBLINGS, "texts": meters.get("texts", 0)})
    compared = {
        name: round(robust_z(value, [other[name] for other in others], _chance(name, meters["texts"], others)), 2)
        for name, value in meters.items()
        if name not in ("texts", "words") and all(name in other for other in others)
    }
    return Finding(max(compared.values()) <= limit, {"siblings": len(others), "limit": limit, **compared})


def _chance(name: str, texts: float, others: Sequence[Mapping[str, float]]) -> float:
    """The standard error of a meter by chance where siblings do not show it: a share of few texts has few values."""
    if name != "opening_share":
        return 0.0
    share = median(other[name] for other in others)
    return max(sqrt(share * (1 - share) / texts), 1 / texts)


def siblings(finished: Finished) -> list[Mapping[str, float]]:
    """The meters of the shards before this one that were made alike and have enough texts, SIBLINGS at most."""
    work, found = finished.work, list[Mapping[str, float]]()
    names = finished.stage.shards(work.recipe)
    place = names.index(work.shard)
    fields = finished.stage.fields(work.tools) | {"version": finished.stage.version}
    for name in [*reversed(names[:place]), *reversed(names[place + 1 :])][:_LOOKED_AT]:
        meters = _meters_of(_standing(finished, name), fields)
        if meters.get("texts", 0) >= LEAST_TEXTS:
            found.append(meters)
        if len(found) == SIBLINGS:
            break
    return found


def _standing(finished: Finished, shard: str) -> Sidecar | None:
    with suppress(LakeError):  # a damaged sidecar is told where its shard is read
        return finished.work.lake.sidecar(finished.work.stage, shard)
    return None


def _meters_of(sidecar: Sidecar | None, fields: Mapping[str, Any]) -> Mapping[str, float]:
    if sidecar is None or sidecar.fields != fields:
        return {}
    meters: Mapping[str, float] = sidecar.metrics.get(DIVERSITY, {})
    return meters


DIVERSE = CheckSpec(
    "diverse",
    "The shard's meters of diversity are within the bounds of the recipe's [diversity] section, which also says "
    "whether a shard that is not stops the stages below.",
    _bounded,
)
LIKE_SIBLINGS = CheckSpec(
    "like_siblings",
    "The shard's meters of diversity are like those of other shards: ids are hashes, so all shards should be alike.",
    _alike,
    blocking=False,
    severity="WARN",
)
CHECKS: Sequence[CheckSpec] = (DIVERSE, LIKE_SIBLINGS)
