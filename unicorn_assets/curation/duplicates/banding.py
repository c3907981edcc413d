"""Candidates for a high Jaccard similarity: texts whose MinHash agrees in a whole band (P. Indyk, R. Motwani, 1998)."""

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates.minhash import PERMUTATIONS, Matrix
from unicorn_assets.curation.duplicates.pairs import Numbers, Packed, packed, refuse_many, united

RECALL = 0.98
"""Chance at the least that a pair right at the threshold is found; above it the chance is higher."""

Bands = NDArray[np.uint32]
Mask = NDArray[np.bool_]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_SEEN_BITS = 22


def shape(threshold: float, permutations: int = PERMUTATIONS) -> tuple[int, int]:
    """Bands and rows of a band: the longest bands, so the fewest false candidates, that still reach RECALL.

    A pair of similarity s meets in one of b bands of r rows with the chance 1 - (1 - s**r)**b.
    """
    for rows in range(permutations, 1, -1):
        bands = permutations // rows
        if 1 - (1 - threshold**rows) ** bands >= RECALL:
            return bands, rows
    return permutations, 1


def bands(minhash: Matrix, threshold: float) -> Bands:
    """A hash of each band of each signature, (n, bands). Two bands meet by chance once in 2**32."""
    count, rows = shape(threshold)
    parts = minhash[:, : count * rows].reshape(len(minhash), count, rows)
    hashed = np.zeros((len(minhash), count), np.uint64)
    for row in range(rows):
        hashed += parts[:, :, row]
        hashed *= _FACTOR
    hashed ^= hashed >> np.uint64(31)
    hashed *= _FACTOR
    return (hashed >> np.uint64(32)).astype(np.uint32)


def candidates(found: Bands, new: Mask) -> Packed:
    """Pairs of texts that agree in a band, one of them new at least; sorted, each once.

    Args:
        found: of all texts, old and new, (n, bands).
        new: which of them are new, (n,).

    Raises:
        TooManyPairsError: they are too many to hold.
    """
    parts: list[Packed] = []
    for band in range(found.shape[1]):
        parts.append(_meeting(np.ascontiguousarray(found[:, band]), new))
        if sum(map(len, parts)) > 4_000_000:
            parts = [united(parts)]
    return united(parts)


def _meeting(hashes: NDArray[np.uint32], new: Mask) -> Packed:
    texts = np.arange(len(hashes))
    if not new.all():  # most old texts meet no new one; a table of the new ones' bits tells at once
        seen = np.zeros(1 << _SEEN_BITS, np.bool_)
        place = hashes & np.uint32((1 << _SEEN_BITS) - 1)
        seen[place[new]] = True
        texts = np.flatnonzero(seen[place])
    order = np.sort((hashes[texts].astype(np.uint64) << np.uint64(32)) | texts.astype(np.uint64))
    values, texts = order >> np.uint64(32), (order & np.uint64((1 << 32) - 1)).astype(np.int64)
    parts: list[Packed] = []
    active: Numbers = np.arange(len(values))
    count, step = 0, 0
    while len(active):
        step += 1
        active = active[active + step < len(values)]
        active = active[values[active] == values[active + step]]
        first, second = texts[active], texts[active + step]
        wanted = new[first] | new[second]
        parts.append(packed(first[wanted], second[wanted]))
        count += len(parts[-1])
        refuse_many(count)
    return np.concatenate([np.empty(0, np.uint64), *parts])
