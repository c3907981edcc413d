"""Nodes: the distinct texts of a corpus. Rows that say the same are one node, whatever their number.

What is near what is a matter of nodes, so a text that a thousand rows share is compared once, and what was found holds
as long as the two texts are there, whichever rows and shards they stand in.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates import banding
from unicorn_assets.curation.duplicates.banding import Bands, Mask
from unicorn_assets.curation.duplicates.pairs import Numbers, ragged
from unicorn_assets.curation.duplicates.shingles import Counts, Hashes
from unicorn_assets.curation.duplicates.signatures import Signatures

NONE = -1


@dataclass(frozen=True)
class Nodes:
    """The nodes of the rows of some shards, in the order of their keys.

    Args:
        starts: where each shard's rows begin, and where the last one's end, (shards + 1,).
        of_row: each row's node, (rows,); NONE for a text without a word.
        keys: each node's key, (n,), sorted.
        row: a row of each, the first one, (n,).
        sizes: its shingles, (n,).
        bands: its bands, (n, bands).
        samples: the sampled shingles, one node behind the other.
        offsets: where each one's begin, and where the last one's end, (n + 1,).
    """

    starts: Counts
    of_row: Numbers
    keys: Hashes
    row: Numbers
    sizes: Counts
    bands: Bands
    samples: Hashes
    offsets: Counts

    def __len__(self) -> int:
        return len(self.keys)

    def place_of(self, rows: Numbers) -> tuple[Numbers, Numbers]:
        """The shard of each row, and its place in there."""
        shard = np.searchsorted(self.starts, rows, side="right") - 1
        return shard, rows - self.starts[shard]

    def in_shards(self, shards: Mask) -> Mask:
        """Which nodes have a row in one of these shards, (n,)."""
        found = np.zeros(len(self), np.bool_)
        rows = np.repeat(shards, np.diff(self.starts))
        nodes = self.of_row[rows]
        found[nodes[nodes != NONE]] = True
        return found

    def with_keys(self, keys: Hashes) -> Numbers:
        """The node with each key, NONE where none has it."""
        place = np.minimum(np.searchsorted(self.keys, keys), max(len(self) - 1, 0))
        return np.where(self.keys[place] == keys, place, NONE) if len(self) else np.full(len(keys), NONE)


def nodes(shards: int, load: Callable[[int], Signatures], threshold: float) -> Nodes:
    """The nodes of so many shards.

    Args:
        shards: number of shards.
        load: gives a shard's signatures, twice; views of a file are not kept.
        threshold: the Jaccard similarity that the bands are for.
    """
    keys, shingles, counts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)], [0]
    for number in range(shards):
        found = load(number)
        keys.append(found.keys.copy())
        shingles.append(found.shingles)
        counts.append(len(found))
    every, sizes, starts = np.concatenate(keys), np.concatenate(shingles), np.cumsum(counts)
    worded = np.flatnonzero(sizes)
    distinct, first, inverse = np.unique(every[worded], return_index=True, return_inverse=True)
    of_row = np.full(len(every), NONE)
    of_row[worded] = inverse
    row = worded[first]

    bands = np.empty((len(row), banding.shape(threshold)[0]), np.uint32)
    samples, lengths = [np.empty(0, np.uint64)], np.zeros(len(row), np.int64)
    by_row = np.argsort(row)
    for number in range(shards):
        here = by_row[slice(*np.searchsorted(row[by_row], starts[number : number + 2]))]
        found, own = load(number), row[here] - starts[number]
        bands[here] = banding.bands(found.minhash[own], threshold)
        lengths[here] = np.diff(found.offsets)[own]
        samples.append(found.samples[ragged(found.offsets[own], lengths[here])])
    return Nodes(starts, of_row, distinct, row, sizes[row], bands, *_in_order(np.concatenate(samples), lengths, by_row))


def _in_order(samples: Hashes, lengths: Counts, by_row: Numbers) -> tuple[Hashes, Counts]:
    """Samples that stand in the order of rows, in the order of nodes; and their offsets."""
    ends = np.cumsum(lengths[by_row])
    begins = np.empty(len(lengths), np.int64)
    begins[by_row] = ends - lengths[by_row]
    offsets: NDArray[np.int64] = np.concatenate([[0], np.cumsum(lengths)])
    return samples[ragged(begins, lengths)], offsets
