"""Figures of nearest neighbours by cosine: do two sets mix, and does a transfer keep who stands next to whom.

Both depend on how many rows there are, so figures compare only between equal numbers; n^2 in time, blocks in memory.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.figure import Figure, fitting, jackknife, members
from unicorn_assets.transfer.rows import Doubles, norm

K = 20
"""Neighbours of a row, as in the papers (arXiv 2602.07026 and 2605.07825)."""

BLOCK = 256
"""Rows whose cosines to all others are held at once: BLOCK * n * 8 bytes."""

Places = NDArray[np.int64]


class Mixing(NamedTuple):
    """How two sets mix.

    Args:
        rate: share of the other set among the k nearest neighbours, over all rows: 1/2 where two equally large sets
            are one cloud.
        first: M of the first set's rows: mean entropy of the shares among each row's neighbours, over what it would
            be, were the sets' labels dealt out at random: 0 where they are apart, 1 where they mix as if by chance.
            None where chance has no entropy, for a k of 1.
        second: the same of the second set's rows.
    """

    rate: Figure
    first: Figure | None
    second: Figure | None


def unit(rows: Doubles) -> Doubles:
    """The rows (n, dimension) divided by their norms; no row may be zero."""
    return rows / norm(rows)[:, None]


def neighbours(rows: Doubles, count: int) -> Places:
    """The `count` nearest other rows of each row by cosine, nearest first, (n, count).

    Equals stand in the order of their places; which of those equal to the last are found is left open.

    Raises:
        TransferError: there are not that many other rows.
    """
    if count >= len(rows) or count < 1:
        raise TransferError(
            f"{count} neighbours were asked for among {len(rows)} embeddings.", "give more embeddings or a smaller k."
        )
    directions = unit(rows)
    found = np.empty((len(rows), count), np.int64)
    for start in range(0, len(rows), BLOCK):
        stop = min(start + BLOCK, len(rows))
        far = -(directions[start:stop] @ directions.T)
        far[np.arange(stop - start), np.arange(start, stop)] = np.inf
        near = np.sort(np.argpartition(far, count - 1, axis=1)[:, :count], axis=1)
        order = np.argsort(np.take_along_axis(far, near, axis=1), axis=1, kind="stable")
        found[start:stop] = np.take_along_axis(near, order, axis=1)
    return found


def mixing(one: Doubles, other: Doubles, k: int = K, groups: int = 1) -> Mixing:
    """How two sets (n, dimension) and (m, dimension) mix.

    The rate is ReAlign's (arXiv 2602.07026), M AnisoAlign's (arXiv 2605.07825). M's chance level is not sampled by
    permuting labels but exact: with the graph fixed, the neighbours of the other set are hypergeometric.

    Args:
        one: the first set.
        other: the second set, as large as the first if 1/2 is to mean that they mix.
        k: neighbours of a row.
        groups: of a jackknife, if the rows are a sample in random order; 1 for no error.

    Raises:
        TransferError: k is too large for the sets.
    """
    groups = fitting(groups, min(len(one), len(other)))
    near = neighbours(np.concatenate([one, other]), _wanted(k, len(one) + len(other), groups))
    second = np.arange(len(near)) >= len(one)
    group = np.concatenate([members(len(one), groups), members(len(other), groups)])

    def rates(left: int) -> tuple[Doubles, NDArray[np.bool_]]:
        asked = group != left
        taken = _taken(near, asked, k)
        return ((taken & (second[near] != second[:, None])).sum(axis=1) / k), asked

    def rate(left: int) -> float:
        share, asked = rates(left)
        return float(share[asked].mean())

    def entropy(left: int, own: NDArray[np.bool_]) -> float:
        share, asked = rates(left)
        chance = expected_entropy(int((asked & ~own).sum()), int(asked.sum()) - 1, k)
        return float(_entropy(share[asked & own]).mean()) / chance

    def of(own: NDArray[np.bool_]) -> Figure | None:
        if expected_entropy(int((~own).sum()), len(own) - 1, k) == 0:
            return None
        return jackknife(lambda left: entropy(left, own), groups)

    return Mixing(jackknife(rate, groups), of(~second), of(second))


def overlap(before: Doubles, after: Doubles, k: int = K, groups: int = 1) -> Figure:
    """Omega_k: the share of a row's k nearest neighbours that a transfer leaves among them, over all rows.

    AnisoAlign's source preservation (arXiv 2605.07825); ReAlign (arXiv 2602.07026) gives it as neighbours kept.

    Args:
        before: rows, (n, dimension).
        after: the same rows after the transfer.
        k: neighbours of a row.
        groups: of a jackknife, if the rows are a sample in random order; 1 for no error.

    Raises:
        TransferError: the numbers of rows differ, or k is too large for them.
    """
    if len(before) != len(after):
        raise TransferError(
            f"{len(before)} embeddings before the transfer meet {len(after)} after it.",
            "give the same rows in the same order.",
        )
    groups = fitting(groups, len(before))
    count = _wanted(k, len(before), groups)
    near, then = neighbours(before, count), neighbours(after, count)
    group = members(len(before), groups)

    def kept(left: int) -> float:
        asked = group != left
        total = 0
        for start in range(0, len(near), BLOCK):
            rows = slice(start, start + BLOCK)
            first, second = _taken(near[rows], asked, k), _taken(then[rows], asked, k)
            same = near[rows][:, :, None] == then[rows][:, None, :]
            same &= first[:, :, None] & second[:, None, :] & asked[rows][:, None, None]
            total += int(same.sum())
        return total / (k * int(asked.sum()))

    return jackknife(kept, groups)


def expected_entropy(targets: int, others: int, k: int) -> float:
    """Mean binary entropy in bits of the share of targets among k of the others, drawn at random."""
    weights = np.array([_log_choose(targets, hits) + _log_choose(others - targets, k - hits) for hits in range(k + 1)])
    chances = np.exp(weights - _log_choose(others, k))
    return float(chances @ _entropy(np.arange(k + 1) / k))


def _wanted(k: int, rows: int, groups: int) -> int:
    """Neighbours to look for: with groups, as many again, so that k are left when a group is not counted."""
    return k if groups < 2 else max(k, min(2 * k, rows - 1))


def _taken(near: Places, asked: NDArray[np.bool_], k: int) -> NDArray[np.bool_]:
    """Which of the neighbours found are the k nearest of those asked for."""
    fit = asked[near]
    return np.asarray(fit & (np.cumsum(fit, axis=1) <= k))


def _entropy(share: Doubles) -> Doubles:
    inner = np.clip(share, np.finfo(float).tiny, 1 - np.finfo(float).epsneg)
    bits = -(inner * np.log2(inner) + (1 - inner) * np.log2(1 - inner))
    return np.where((share > 0) & (share < 1), bits, 0.0)


def _log_choose(total: int, chosen: int) -> float:
    if chosen > total:
        return -math.inf
    return math.lgamma(total + 1) - math.lgamma(chosen + 1) - math.lgamma(total - chosen + 1)
