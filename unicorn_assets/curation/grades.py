"""What a sample of graded captions tells: means by criterion, and whether grades rank captions as the quality does."""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.proportions import Z_ONE_IN_1000

LEAST_RANKED = 10
"""Captions that a rank correlation says something of."""


def figures(grades: Sequence[Mapping[str, float] | None], qualities: Sequence[float]) -> dict[str, Any]:
    """Counts, the mean of each criterion and of `grade`, the latter's standard deviation, and Spearman's correlation.

    Args:
        grades: of each graded caption its grades by criterion, with their mean as `grade`; None where unreadable.
        qualities: the quality score of each of them.
    """
    read = [one for one in grades if one is not None]
    shown: dict[str, Any] = {"asked": len(grades), "unreadable": len(grades) - len(read)}
    if not read:
        return shown
    shown |= {name: round(float(np.mean([one[name] for one in read])), 4) for name in read[0]}
    whole = np.array([one["grade"] for one in read], dtype=float)
    shown["deviation"] = round(float(whole.std(ddof=1)), 4) if len(read) > 1 else 0.0
    scores = np.array([quality for one, quality in zip(grades, qualities, strict=True) if one is not None], dtype=float)
    rank = spearman(whole, scores) if len(read) >= LEAST_RANKED else None
    return shown | ({} if rank is None else {"rank_correlation": round(rank, 4)})


def merged(shards: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of shards together: counts summed, means weighted; the rest is of single shards alone."""
    listed = list(shards)
    read = [one for one in listed if "grade" in one]
    counts = {name: sum(one[name] for one in listed) for name in ("asked", "unreadable") if listed}
    weights = [one["asked"] - one["unreadable"] for one in read]
    alone = {"asked", "unreadable", "deviation", "rank_correlation"}
    names = [name for name in (read[0] if read else ()) if name not in alone]
    means = {name: round(float(np.average([one[name] for one in read], weights=weights)), 4) for name in names}
    return counts | means


def below(told: Mapping[str, Any], least: float) -> bool:
    """Whether the mean grade is below `least`, beyond what a sample of this size leaves open."""
    read = told["asked"] - told["unreadable"]
    if read < 2:
        return False
    high: float = told["grade"] + Z_ONE_IN_1000 * told["deviation"] / sqrt(read)
    return high < least


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Spearman's rank correlation with mean ranks for ties; None where one of them is the same throughout."""
    first, second = _ranks(one), _ranks(other)
    if not first.std() or not second.std():
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places], dtype=float)
