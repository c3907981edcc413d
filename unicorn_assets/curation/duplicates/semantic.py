"""What is near what in meaning: the cosine of every new embedding with every other one, exact, block by block.

No index: of n embeddings of d numbers it takes n**2 * d multiplications, half of that where all are new, which a core's
BLAS does at some 10**10 a second. Blocks in float32 find candidates; those are judged by sums without rounding: the
product of two float16 has 22 bits, and float64 has room for the sum of those of unit vectors. So a cosine depends on
the two embeddings alone, neither on the block nor on the machine.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.finding import SEMANTIC, Near, joined
from unicorn_assets.curation.duplicates.pairs import Numbers, packed, refuse_many, unpacked

VERSION = 1
BLOCK = 2048
"""Embeddings of either side at a time: 16 MB of cosines."""

Halves = NDArray[np.float16]


def find(
    nodes: Numbers,
    new: Mask,
    embeddings_of: Callable[[Numbers], Halves],
    cosine: float,
    progress: Callable[[int], None] = lambda done: None,
) -> Near:
    """Pairs of nodes whose embeddings are near, one of them new at least.

    Args:
        nodes: the nodes that have an embedding, in the order in which these are read best, (n,).
        new: which of them are new, (n,).
        embeddings_of: the embeddings, (m, dimension), about as long as 1, of those at some places of `nodes`, (m,).
        cosine: least cosine.
        progress: told how many new ones are done.

    Raises:
        TooManyPairsError: there are more pairs than can be held.
    """
    fresh, parts, count = np.flatnonzero(new), [joined([])], 0
    for start in range(0, len(fresh), BLOCK):
        ours = fresh[start : start + BLOCK]
        mine = _units(embeddings_of(ours))
        least = np.float32(cosine - (mine.shape[1] + 16) * 2.0**-23)  # what float32 may be off by
        for begin in range(0, len(nodes), BLOCK):
            theirs = np.arange(begin, min(begin + BLOCK, len(nodes)))
            theirs = theirs[~new[theirs] | (theirs > ours[0])]  # of two new ones the first asks
            if not len(theirs):
                continue
            first, second = np.nonzero(mine @ _units(embeddings_of(theirs)).T >= least)
            first, second = ours[first], theirs[second]
            once = ~new[second] | (second > first)
            parts.append(_judged(nodes, first[once], second[once], embeddings_of, cosine))
            count += len(parts[-1])
            refuse_many(count)
        progress(start + len(ours))
    return joined(parts)


def exact(first: Halves, second: Halves) -> NDArray[np.float64]:
    """The cosines of pairs of vectors, (n, dimension) both, without rounding but for the last steps."""
    one, other = first.astype(np.float64), second.astype(np.float64)
    products, *squares = (np.einsum("ij,ij->i", *sides) for sides in ((one, other), (one, one), (other, other)))
    cosines: NDArray[np.float64] = products / np.sqrt(np.maximum(squares[0] * squares[1], np.finfo(np.float64).tiny))
    return cosines


def _judged(
    nodes: Numbers, first: Numbers, second: Numbers, embeddings_of: Callable[[Numbers], Halves], cosine: float
) -> Near:
    parts = [joined([])]
    for start in range(0, len(first), BLOCK):
        sides = first[start : start + BLOCK], second[start : start + BLOCK]
        cosines = exact(*(embeddings_of(side) for side in sides))
        near = cosines >= cosine
        ends = unpacked(packed(nodes[sides[0][near]], nodes[sides[1][near]]))
        how = np.full(len(ends[0]), SEMANTIC, np.int8)
        parts.append(Near(*ends, cosines[near].astype(np.float32), how))
    return joined(parts)


def _units(vectors: Halves) -> NDArray[np.float32]:
    wide = vectors.astype(np.float32)
    wide /= np.maximum(np.sqrt(np.einsum("ij,ij->i", wide, wide)), np.finfo(np.float32).tiny)[:, None]
    return wide
