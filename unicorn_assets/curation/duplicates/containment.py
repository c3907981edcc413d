"""Candidates for containment: a text most of whose words stand in another one, however much longer that is.

Joined over the sampled runs of words with a prefix filter (S. Chaudhuri et al., 2006): of a sample of s of which `need`
must be in the other one, any s - need + k have k that are; the rarest are looked up: common phrases cost little.
Exact on the samples: which pairs are found depends on the two texts alone.
"""

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.pairs import Numbers, Packed, blocks, packed, ragged, united, unpacked
from unicorn_assets.curation.duplicates.shingles import Counts, Hashes
from unicorn_assets.curation.duplicates.signatures import RUN, SAMPLE_BITS
from unicorn_assets.errors import UnicornError

LEAST = 8
"""Shingles of a text that is judged, ten words: a shorter one stands in many by chance."""
SLACK = 0.2
"""By how much the share in a sample may fall short of the wanted one."""
LEAST_SHARE = 0.2
TOGETHER = 4
"""Runs that are looked up beyond the one that must be there, so that one common phrase makes no candidate."""
MOST_TEXTS = 1 << (64 - SAMPLE_BITS)

_TEXT_BITS = np.uint64(64 - SAMPLE_BITS)
_TEXT = np.uint64(MOST_TEXTS - 1)
_BLOCK = 4_000_000
_SEEN_BITS = 22


def candidates(samples: Hashes, offsets: Counts, sizes: Counts, new: Mask, threshold: float, words: int) -> Packed:
    """Pairs in which a text seems to hold `threshold` of the shingles of another one that has no more than it.

    Args:
        samples: sampled runs of all texts, one text behind the other.
        offsets: where each text's begin, (n + 1,).
        sizes: shingles of each text, (n,).
        new: which texts are new, (n,); of a pair one is.
        threshold: share of the smaller text's shingles.
        words: words of a shingle. A word that differs takes so many shingles along, and RUN runs.

    Raises:
        TooManyPairsError: they are too many to hold.
        UnicornError: there are too many texts.
    """
    counts = np.diff(offsets)
    if len(counts) > MOST_TEXTS:
        raise UnicornError(
            f"{len(counts):,} texts are too many to look for containment; the most is {MOST_TEXTS:,}.",
            "set `captions = false` in the recipe's [duplicates] section.",
        )
    share = max(LEAST_SHARE, 1 - (1 - threshold) * max(1.0, RUN / words) - SLACK)
    need = np.maximum(1, np.floor(share * counts + 1e-9)).astype(np.int64)
    owner = np.repeat(np.arange(len(counts)), counts)
    postings = _shared(samples, owner, new)
    texts = (postings & _TEXT).astype(np.int64)
    begins = np.flatnonzero(np.append(True, _differs(postings))[: len(postings)])
    runs = np.diff(np.append(begins, len(postings)))
    run = np.repeat(np.arange(len(runs)), runs)

    looked_up = np.minimum(counts, counts - need + TOGETHER)
    absent = counts - np.bincount(texts, minlength=len(counts))
    ours = _rarest(texts, runs[run], looked_up - absent, sizes >= LEAST)
    together = looked_up - (counts - need)  # so many of those looked up are in the other one
    length = runs[run[ours]]
    ends = np.flatnonzero(np.append(texts[ours][1:] != texts[ours][:-1], True)[: len(ours)]) + 1
    parts: list[Packed] = []
    for block in blocks(np.diff(np.cumsum(length)[ends - 1], prepend=0), _BLOCK):
        own = ours[int(ends[block.start - 1]) if block.start else 0 : int(ends[block.stop - 1])]
        own_length = runs[run[own]]
        first = np.repeat(texts[own], own_length)
        second = texts[ragged(begins[run[own]], own_length)]
        wanted = (first != second) & (sizes[first] <= sizes[second]) & (new[first] | new[second])
        parts.append(_meeting(first[wanted], second[wanted], together))
        if sum(map(len, parts)) > _BLOCK:
            parts = [united(parts)]
    pairs = united(parts)
    return pairs[_enough(pairs, samples, owner, offsets, sizes, need)]


def _meeting(first: Numbers, second: Numbers, together: Numbers) -> Packed:
    """Pairs that meet so often, by what the first one asks for."""
    ways = np.sort((first.astype(np.uint64) << np.uint64(32)) | second.astype(np.uint64))
    fresh = np.ones(len(ways), np.bool_)
    fresh[1:] = ways[1:] != ways[:-1]
    begins = np.flatnonzero(fresh)
    times = np.diff(np.append(begins, len(ways)))
    one, other = unpacked(ways[begins])
    often = times >= together[one]
    return packed(one[often], other[often])


def _shared(samples: Hashes, owner: Numbers, new: Mask) -> Packed:
    """Sampled runs that a new text and another one have, with the texts that have them, sorted by both."""
    if not new.all():
        seen = np.zeros(1 << _SEEN_BITS, np.bool_)
        place = samples & np.uint64((1 << _SEEN_BITS) - 1)
        seen[place[new[owner]]] = True
        kept = seen[place]
        samples, owner = samples[kept], owner[kept]
    postings = np.sort((samples << _TEXT_BITS) | owner.astype(np.uint64))
    differs = np.concatenate([[True], _differs(postings), [True]])
    shared: Packed = postings[~(differs[1:] & differs[:-1])[: len(postings)]]  # most runs are in one text alone
    return shared


def _differs(postings: Packed) -> Mask:
    """Whether each posting but the first is of another run than the one before."""
    differs: Mask = (postings[1:] ^ postings[:-1]) >> _TEXT_BITS != 0
    return differs


def _rarest(texts: Numbers, frequency: Numbers, wanted: Numbers, judged: Mask) -> Numbers:
    """Postings of the rarest runs of each judged text, as many as wanted; beyond 255 all are as common. By text."""
    where = np.arange(len(texts), dtype=np.uint64)
    common = np.minimum(frequency, 255).astype(np.uint64)
    order = np.sort((texts.astype(np.uint64) << np.uint64(40)) | (common << np.uint64(32)) | where)
    order = (order & np.uint64((1 << 32) - 1)).astype(np.int64)
    by_text = texts[order]
    begins = np.concatenate([[0], np.cumsum(np.bincount(texts, minlength=len(wanted)))])
    rank = np.arange(len(texts)) - begins[by_text]
    found: NDArray[np.int64] = order[(rank < wanted[by_text]) & judged[by_text]]
    return found


def _enough(pairs: Packed, samples: Hashes, owner: Numbers, offsets: Counts, sizes: Counts, need: Numbers) -> Mask:
    """Whether so many of the smaller text's sampled runs are among the larger one's; of equal ones, either way."""
    first, second = unpacked(pairs)
    counts = np.diff(offsets)
    ordered = (owner.astype(np.uint64) << np.uint64(SAMPLE_BITS)) | samples  # sorted as it is
    enough = np.zeros(len(pairs), np.bool_)
    for small, large in ((first, second), (second, first)):
        asked = np.flatnonzero((sizes[small] <= sizes[large]) & (sizes[small] >= LEAST) & ~enough)
        for block in blocks(counts[small[asked]], _BLOCK):
            here = asked[block]
            own, length = small[here], counts[small[here]]
            wanted = samples[ragged(offsets[own], length)]
            wanted = wanted | (np.repeat(large[here], length).astype(np.uint64) << np.uint64(SAMPLE_BITS))
            place = np.searchsorted(ordered, wanted)
            hits = ordered[np.minimum(place, len(ordered) - 1)] == wanted
            shared = np.bincount(np.repeat(np.arange(len(here)), length)[hits], minlength=len(here))
            enough[here] = shared >= need[own]
    return enough
