"""Figures of the cosines between the rows of a set: n^2 of them, so of a sample where there are many rows."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.figure import Figure, fitting, jackknife, members
from unicorn_assets.transfer.metrics.neighbours import BLOCK, unit
from unicorn_assets.transfer.rows import Doubles

BINS = 200
"""Bins of a histogram of cosines, over [-1, 1]: each 0.01 wide."""

_NO_SPREAD = 1e-12
"""Variance of cosines that are all alike but for rounding."""


def histogram(rows: Doubles, groups: int = 1) -> NDArray[np.int64]:
    """How many pairs of different rows have which cosine, (groups, groups, BINS) by the two rows' groups.

    Each pair is counted from both its ends.
    """
    directions, group = unit(rows), members(len(rows), groups)
    counts = np.zeros((groups, groups * BINS), np.int64)
    for own, start, stop in _blocks(len(rows), groups):
        bins = np.floor((directions[start:stop] @ directions.T + 1) * (BINS / 2)).astype(np.int64)
        bins = bins.clip(0, BINS - 1) + group * BINS
        counts[own] += np.bincount(bins.ravel(), minlength=groups * BINS)
        # No row is a pair with itself.
        counts[own] -= np.bincount(bins[np.arange(stop - start), np.arange(start, stop)], minlength=groups * BINS)
    return counts.reshape(groups, groups, BINS)


def divergence(one: Doubles, other: Doubles, groups: int = 1) -> Figure:
    """Jensen-Shannon divergence of the cosines within one set from those within the other, in bits: 0 alike, 1 apart.

    ReAlign's (arXiv 2602.07026), which names neither bins nor logarithm; `BINS` of 0.01 and bits are our choice.

    Args:
        one: rows, (n, dimension), 2 at least, none zero.
        other: rows of the other set, (m, dimension).
        groups: of a jackknife, if the rows are a sample in random order; 1 for no error.

    Raises:
        TransferError: a set has fewer than 2 rows.
    """
    least = min(len(one), len(other))
    if least < 2:
        raise TransferError(f"There are {least} embeddings to take cosines of; 2 are the least.", "give more of them.")
    groups = fitting(groups, least)
    first, second = histogram(one, groups), histogram(other, groups)
    return jackknife(lambda left: _jensen_shannon(_without(first, left), _without(second, left)), groups)


def correlation(before: Doubles, after: Doubles, groups: int = 1) -> Figure | None:
    """Psi: Pearson correlation of the cosine of two rows before a transfer with that after it, over all pairs of rows.

    AnisoAlign's source preservation (arXiv 2605.07825); None where either cosines are all alike.

    Args:
        before: rows, (n, dimension), none zero.
        after: the same rows after the transfer.
        groups: of a jackknife, if the rows are a sample in random order; 1 for no error.

    Raises:
        TransferError: the numbers of rows differ.
    """
    if len(before) != len(after):
        raise TransferError(
            f"{len(before)} embeddings before the transfer meet {len(after)} after it.",
            "give the same rows in the same order.",
        )
    groups = fitting(groups, len(before))
    sums = _products(unit(before), unit(after), groups)
    if len(before) < 2 or _pearson(_without(sums, -1)) is None:
        return None
    return jackknife(lambda left: _pearson(_without(sums, left)) or 0.0, groups)


def _products(one: Doubles, other: Doubles, groups: int) -> Doubles:
    """Sums over pairs of 1, a, b, aa, bb and ab for the cosines a and b, (groups, groups, 6)."""
    starts = np.searchsorted(members(len(one), groups), np.arange(groups))
    sums = np.zeros((groups, groups, 6))
    for own, start, stop in _blocks(len(one), groups):
        itself = np.arange(stop - start), np.arange(start, stop)
        first, second = one[start:stop] @ one.T, other[start:stop] @ other.T
        first[itself] = second[itself] = 0.0
        pairs = np.full(len(one), float(stop - start))
        pairs[start:stop] -= 1
        columns = [pairs, first.sum(axis=0), second.sum(axis=0)]
        columns += [np.einsum("ij,ij->j", *two) for two in ((first, first), (second, second), (first, second))]
        sums[own] += np.add.reduceat(np.stack(columns, axis=1), starts, axis=0)
    return sums


def _pearson(sums: Doubles) -> float | None:
    count, a, b, aa, bb, ab = sums.tolist()
    mean_a, mean_b = a / count, b / count
    variances = aa / count - mean_a**2, bb / count - mean_b**2
    if min(variances) < _NO_SPREAD:
        return None
    return float((ab / count - mean_a * mean_b) / math.sqrt(variances[0] * variances[1]))


def _jensen_shannon(one: Doubles, other: Doubles) -> float:
    first, second = one / one.sum(), other / other.sum()
    return max(0.0, _bits((first + second) / 2) - (_bits(first) + _bits(second)) / 2)


def _bits(shares: Doubles) -> float:
    positive = shares[shares > 0]
    return -float(positive @ np.log2(positive))


def _without(sums: NDArray[np.int64] | Doubles, left: int) -> Doubles:
    """Sums over the pairs of which neither row is in the group left out."""
    kept = np.arange(len(sums)) != left
    return np.asarray(sums[kept][:, kept].sum(axis=(0, 1)), np.float64)


def _blocks(rows: int, groups: int) -> Iterator[tuple[int, int, int]]:
    """(group, first row, last row + 1): blocks of rows of one group each."""
    edges = np.searchsorted(members(rows, groups), np.arange(groups + 1)).tolist()
    for group in range(groups):
        for start in range(edges[group], edges[group + 1], BLOCK):
            yield group, start, min(start + BLOCK, edges[group + 1])
