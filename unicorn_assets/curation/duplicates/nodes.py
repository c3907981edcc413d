"""Nodes: the distinct texts of a corpus. Rows that say the same are one node, whatever their number.

What is near what is a matter of nodes, so a text that a thousand rows share is compared once, and what was found holds
as long as the two texts are there, whichever rows and shards they stand in.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.pairs import Numbers
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
    """

    starts: Counts
    of_row: Numbers
    keys: Hashes
    row: Numbers
    sizes: Counts

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


def nodes(signed: Sequence[Signatures]) -> Nodes:
    """The nodes of the rows of some shards.

    Args:
        signed: each shard's signatures.
    """
    every = np.concatenate([np.empty(0, np.uint64), *(one.keys for one in signed)])
    sizes = np.concatenate([np.empty(0, np.int64), *(one.shingles for one in signed)])
    worded = np.flatnonzero(sizes)
    keys, first, inverse = np.unique(every[worded], return_index=True, return_inverse=True)
    of_row = np.full(len(every), NONE)
    of_row[worded] = inverse
    row = worded[first]
    return Nodes(np.cumsum([0, *map(len, signed)]), of_row, keys, row, sizes[row])
