"""Sketches: what it takes of signatures to find candidates among nodes; of old nodes little of that is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unicorn_assets.curation.duplicates.banding import Bands, Mask
from unicorn_assets.curation.duplicates.nodes import Nodes
from unicorn_assets.curation.duplicates.pairs import Numbers, Packed, packed, ragged, unpacked
from unicorn_assets.curation.duplicates.shingles import Counts, Hashes
from unicorn_assets.curation.duplicates.signatures import Signatures

_SEEN = np.uint64((1 << 22) - 1)


@dataclass(frozen=True)
class Sketches:
    """The sketches of n nodes, in the order of their rows, which is that of the files.

    Args:
        nodes: the node of each, (n,).
        new: which of them are new, (n,); of a pair of candidates one is.
        sizes: shingles of each, (n,).
        bands: its bands, (n, bands).
        counts: how many runs are sampled of each, (n,).
        samples: those of them that a new one may have, sorted, one node behind the other; of new ones all.
        offsets: where each one's begin, and where the last one's end, (n + 1,).
    """

    nodes: Numbers
    new: Mask
    sizes: Counts
    bands: Bands
    counts: Counts
    samples: Hashes
    offsets: Counts

    def of_nodes(self, pairs: Packed) -> Packed:
        """Pairs of these as pairs of nodes."""
        first, second = unpacked(pairs)
        return packed(self.nodes[first], self.nodes[second])


def sketches(found: Nodes, signed: Sequence[Signatures], new: Mask) -> Sketches:
    """The sketches of all nodes.

    Args:
        found: the nodes.
        signed: the signatures of each of their shards.
        new: which nodes are new, (n,).
    """
    order = np.argsort(found.row)
    bounds = np.searchsorted(found.row[order], found.starts)
    places = [found.row[order[begin:end]] - found.starts[number] for number, (begin, end) in enumerate(_ranges(bounds))]
    fresh = [new[order[begin:end]] for begin, end in _ranges(bounds)]
    seen = None if new.all() else _seen(signed, places, fresh)
    bands = [_bands(one, own) for one, own in zip(signed, places, strict=True) if len(own)]
    counts, lengths = [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]
    samples = [np.empty(0, np.uint64)]
    for one, own in zip(signed, places, strict=True):
        mine, ends = _samples(one, own)
        counts.append(np.diff(ends))
        if seen is not None:  # a table of the new ones' bits tells of most runs at once that no new text has them
            there = np.flatnonzero(seen[(mine & _SEEN).view(np.int64)])
            mine, ends = mine[there], np.searchsorted(there, ends)
        samples.append(mine)
        lengths.append(np.diff(ends))
    return Sketches(
        order,
        new[order],
        found.sizes[order],
        np.concatenate(bands) if bands else np.empty((0, 1), np.uint32),
        np.concatenate(counts),
        np.concatenate(samples),
        np.cumsum(np.concatenate(lengths)),
    )


def _ranges(bounds: Counts) -> list[tuple[int, int]]:
    return list(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True))


def _seen(signed: Sequence[Signatures], places: Sequence[Numbers], fresh: Sequence[Mask]) -> Mask:
    seen = np.zeros(int(_SEEN) + 1, np.bool_)
    for one, own, new in zip(signed, places, fresh, strict=True):
        if new.any():
            seen[_samples(one, own[new])[0] & _SEEN] = True
    return seen


def _bands(one: Signatures, own: Numbers) -> Bands:
    return one.bands if len(own) == len(one) else one.bands[own]


def _samples(one: Signatures, own: Numbers) -> tuple[Hashes, Counts]:
    """The samples of some texts of a shard, and their offsets; views where that is all texts."""
    if len(own) == len(one):
        return one.samples, one.offsets
    lengths = np.diff(one.offsets)[own]
    return one.samples[ragged(one.offsets[own], lengths)], np.concatenate([[0], np.cumsum(lengths)])
