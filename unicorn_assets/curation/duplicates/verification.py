"""What the texts of candidates say: exact Jaccard similarity and containment over their shingles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates.pairs import Numbers, blocks, ragged
from unicorn_assets.curation.duplicates.shingles import Counts, Hashes, Shingled

_NUMBER_BITS = 12
_HASH_BITS = np.uint64(64 - _NUMBER_BITS)
_HASH = np.uint64((1 << 52) - 1)
_MOST_NUMBERS = 1 << _NUMBER_BITS
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Sets:
    """The shingles of n texts, each text's sorted, none twice.

    Args:
        hashes: 52 bits of the shingles' hashes, one text behind the other: two of a pair of captions meet by chance
            once in 10**11 pairs.
        offsets: where each text's begin, and where the last one's end, (n + 1,).
    """

    hashes: Hashes
    offsets: Counts


def sets(found: Shingled) -> Sets:
    """Each text's shingles as a set."""
    counts = np.diff(found.offsets)
    parts, sizes = [np.empty(0, np.uint64)], [np.zeros(1, np.int64)]
    for block in blocks(np.maximum(counts, _BLOCK // _MOST_NUMBERS), _BLOCK):
        hashes = found.hashes[found.offsets[block.start] : found.offsets[block.stop]]
        packed = _numbered(hashes & _HASH, counts[block])
        packed.sort()
        fresh = np.ones(len(packed), np.bool_)
        fresh[1:] = packed[1:] != packed[:-1]
        packed = packed[fresh]
        parts.append(packed & _HASH)
        sizes.append(np.bincount((packed >> _HASH_BITS).astype(np.int64), minlength=block.stop - block.start))
    return Sets(np.concatenate(parts), np.cumsum(np.concatenate(sizes)))


def measured(texts: Sets, first: Numbers, second: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Jaccard similarity and containment of pairs of texts: what both have over what either, and the smaller one, has.

    Args:
        texts: the shingles of all texts.
        first: one text of each pair, (m,).
        second: the other one, (m,).
    """
    counts = np.diff(texts.offsets)
    shared = np.zeros(len(first), np.int64)
    for block in blocks(np.maximum(counts[first] + counts[second], _BLOCK // _MOST_NUMBERS), _BLOCK):
        sides = first[block], second[block]
        hashes = (texts.hashes[ragged(texts.offsets[side], counts[side])] for side in sides)
        packed = np.concatenate([_numbered(found, counts[side]) for found, side in zip(hashes, sides, strict=True)])
        packed.sort()
        twice = packed[1:][packed[1:] == packed[:-1]] >> _HASH_BITS
        shared[block] = np.bincount(twice.astype(np.int64), minlength=block.stop - block.start)
    both = counts[first] + counts[second] - shared
    least = np.minimum(counts[first], counts[second])
    return shared / np.maximum(both, 1), shared / np.maximum(least, 1)


def _numbered(hashes: Hashes, counts: Counts) -> Hashes:
    """Each hash with the number of its text or pair in the upper bits: sorted, equal ones of one number meet."""
    return (np.repeat(np.arange(len(counts), dtype=np.uint64), counts) << _HASH_BITS) | hashes
