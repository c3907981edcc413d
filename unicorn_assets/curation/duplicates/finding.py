"""What is near what among the nodes of a corpus: candidates by their signatures, judged by their texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates import banding, containment
from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.pairs import Numbers, distinct, united, unpacked
from unicorn_assets.curation.duplicates.shingles import shingled
from unicorn_assets.curation.duplicates.sketches import Sketches
from unicorn_assets.curation.duplicates.verification import measured, sets

HOW = ("lexical", "contained", "semantic")
"""By what two texts are near, the surest first: a pair has the first that holds."""
LEXICAL, CONTAINED, SEMANTIC = range(len(HOW))


@dataclass(frozen=True)
class Near:
    """Pairs of nodes that are near each other, (m,), in the order of both.

    Args:
        first: one node.
        second: the other one, with the larger number.
        similarity: Jaccard similarity, share of the smaller one's shingles in the other one, or cosine.
        how: place in HOW.
    """

    first: Numbers
    second: Numbers
    similarity: NDArray[np.float32]
    how: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.first)

    def where(self, wanted: Mask) -> "Near":
        """Those of them."""
        return Near(self.first[wanted], self.second[wanted], self.similarity[wanted], self.how[wanted])


def joined(parts: Sequence[Near]) -> Near:
    """All pairs of the parts; of one that several parts have, the surest."""
    first = np.concatenate([np.empty(0, np.int64), *(part.first for part in parts)])
    second = np.concatenate([np.empty(0, np.int64), *(part.second for part in parts)])
    similarity = np.concatenate([np.empty(0, np.float32), *(part.similarity for part in parts)])
    how = np.concatenate([np.empty(0, np.int8), *(part.how for part in parts)])
    order = np.lexsort((how, second, first))
    whole = Near(first[order], second[order], similarity[order], how[order])
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (whole.first[1:] != whole.first[:-1]) | (whole.second[1:] != whole.second[:-1])
    return whole.where(fresh)


def find(
    found: Sketches,
    texts_of: Callable[[Numbers], list[str]],
    *,
    words: int,
    jaccard: float,
    contained: float | None,
) -> Near:
    """Pairs of near texts, one of them new at least. Which are found depends on the two texts alone.

    Args:
        found: the sketches of the nodes.
        texts_of: the texts of some nodes, asked for candidates alone.
        words: words of a shingle.
        jaccard: least Jaccard similarity.
        contained: least share of a text's shingles in a larger one; None to leave that out.

    Raises:
        TooManyPairsError: there are more candidates than can be held.
    """
    parts = [banding.candidates(found.bands, found.new)]
    if contained is not None:
        parts.append(containment.candidates(found, contained, words))
    first, second = unpacked(united([found.of_nodes(part) for part in parts]))
    wanted = distinct(np.concatenate([first, second]))
    texts = sets(shingled(texts_of(wanted), words))
    similar, held = measured(texts, np.searchsorted(wanted, first), np.searchsorted(wanted, second))
    lexical = similar >= jaccard
    holds = np.zeros(len(held), np.bool_) if contained is None else held >= contained
    similarity = np.where(lexical, similar, held).astype(np.float32)
    how = np.where(lexical, LEXICAL, CONTAINED).astype(np.int8)
    return Near(first, second, similarity, how).where(lexical | holds)
