"""Signatures: what is kept of a text's shingles to find texts like it without reading them again.

Two sketches: bands of the MinHash, which two texts share where their Jaccard similarity is high; and FracMinHash (L.
Irber et al., 2022), the hashes below a fixed bound, which tell how much of one text is in another; of longer runs of
words, since three words in a row are in many texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from unicorn_assets.curation.duplicates import minhash, shingles
from unicorn_assets.curation.duplicates.banding import Bands, bands
from unicorn_assets.curation.duplicates.shingles import Counts, Hashes, Shingled, shingled_by

VERSION = 2
"""Of what this package makes of a library's hashes."""

RUN = 8
"""Words of a run that may be sampled."""
SAMPLED = 3
"""One run in so many is in a text's sample."""
SAMPLE_BITS = 40
"""Of a sampled run's hash, which leaves 24 bits for a text's number in one sortable word. Of 10 million runs some 50
pairs meet by chance, which costs a look and decides nothing."""

BATCH = 2048
"""Texts at a time: about a megabyte of signatures."""


@dataclass(frozen=True)
class Signatures:
    """The signatures of n texts.

    Args:
        keys: hash of each normalised text, (n,): equal where the texts are the same.
        shingles: how many shingles each has, (n,); 0 for a text without a word, which is like no other.
        bands: hashes of the bands of its MinHash, (n, bands).
        samples: the sampled runs, each text's in order, none twice, one text behind the other.
        offsets: where each text's sample begins, and where the last one's ends, (n + 1,).
    """

    keys: Hashes
    shingles: Counts
    bands: Bands
    samples: Hashes
    offsets: Counts

    def __len__(self) -> int:
        return len(self.keys)


@lru_cache(maxsize=1)
def algorithm() -> Mapping[str, Any]:
    """What signatures can be compared by: those of another algorithm say nothing about these."""
    return {
        **minhash.algorithm(),
        "run": RUN,
        "sampled": SAMPLED,
        "shingles": shingles.VERSION,
        "version": VERSION,
    }


def signatures(texts: Sequence[str], length: int, threshold: float) -> Iterator[Signatures]:
    """The signatures of `texts`, BATCH texts at a time.

    Args:
        texts: the texts.
        length: words of a shingle.
        threshold: the Jaccard similarity that the bands are for.
    """
    for start in range(0, len(texts), BATCH):
        found, runs = shingled_by(texts[start : start + BATCH], (length, RUN))
        samples, offsets = _samples(runs)
        yield Signatures(found.keys, np.diff(found.offsets), bands(minhash.minhash(found), threshold), samples, offsets)


def _samples(found: Shingled) -> tuple[Hashes, Counts]:
    """A sample is taken by the hash's upper bits and kept as its lower ones."""
    texts = np.repeat(np.arange(len(found.keys), dtype=np.uint64), np.diff(found.offsets))
    taken = found.hashes < np.uint64((1 << 64) // SAMPLED)
    packed = np.sort(
        (texts[taken] << np.uint64(SAMPLE_BITS)) | (found.hashes[taken] & np.uint64((1 << SAMPLE_BITS) - 1))
    )
    packed = packed[np.concatenate([[True], packed[1:] != packed[:-1]])] if len(packed) else packed
    counts = np.bincount((packed >> np.uint64(SAMPLE_BITS)).astype(np.int64), minlength=len(found.keys))
    return packed & np.uint64((1 << SAMPLE_BITS) - 1), np.concatenate([[0], np.cumsum(counts)])
