"""Candidates for containment: a text most of whose words stand in another one, however much longer that is.

Joined over the sampled runs of words with a prefix filter (S. Chaudhuri et al., 2006): of a sample of s of which `need`
must be in the other one, any s - need + k have k that are; the rarest are looked up: common phrases cost little.
Exact on the samples: which pairs are found depends on the two texts alone.
"""

from dataclasses import dataclass

import numpy as np

from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.pairs import Numbers, Packed, blocks, distinct, packed, ragged, united, unpacked
from unicorn_assets.curation.duplicates.shingles import Counts
from unicorn_assets.curation.duplicates.signatures import RUN, SAMPLE_BITS
from unicorn_assets.curation.duplicates.sketches import Sketches
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
_BLOCK = 1 << 18
"""Postings at a time, which stay in a core's cache."""
_HELD = 4_000_000
"""Pairs that are held with those that stand twice."""


@dataclass(frozen=True)
class _Postings:
    """Which texts have which sampled runs, sorted by run and text, (k,) both.

    Args:
        run: the runs, numbered from 0.
        text: the texts.
    """

    run: Numbers
    text: Numbers

    def of(self, texts: Mask) -> "_Postings":
        """Those of some texts."""
        if texts.all():
            return self
        wanted = np.flatnonzero(texts[self.text])
        return _Postings(self.run[wanted], self.text[wanted])


def candidates(texts: Sketches, threshold: float, words: int) -> Packed:
    """Pairs in which a text seems to hold `threshold` of the shingles of another one that has no more than it.

    Args:
        texts: the sketches of all texts.
        threshold: share of the smaller text's shingles.
        words: words of a shingle. A word that differs takes so many shingles along, and RUN runs.

    Raises:
        TooManyPairsError: they are too many to hold.
        UnicornError: there are too many texts.
    """
    if len(texts.nodes) > MOST_TEXTS:
        raise UnicornError(
            f"{len(texts.nodes):,} texts are too many to look for containment; the most is {MOST_TEXTS:,}.",
            "set `captions = false` in the recipe's [duplicates] section.",
        )
    share = max(LEAST_SHARE, 1 - (1 - threshold) * max(1.0, RUN / words) - SLACK)
    need = np.maximum(1, np.floor(share * texts.counts + 1e-9)).astype(np.int64)
    postings = _shared(texts)
    there = np.bincount(postings.text, minlength=len(need))
    judged = (texts.sizes >= LEAST) & (there >= need)
    together = np.minimum(need, TOGETHER)
    wanted = np.where(judged, there - need + together, 0)
    fresh = postings.of(texts.new)
    parts = _looked_up(fresh, postings, wanted, together, texts.sizes)
    if not texts.new.all():  # what old ones have in common has been seen
        parts += _looked_up(postings.of(judged & ~texts.new), fresh, wanted, together, texts.sizes)
    pairs = united(parts)
    return pairs[_enough(pairs, texts, need)]


def _looked_up(ours: _Postings, asked: _Postings, wanted: Counts, together: Counts, sizes: Counts) -> list[Packed]:
    """Pairs of a text that asks and one that has as many of its runs as must be there among those looked up.

    Of a text's runs that others have, all but `need` may be missing from one that holds it. So of `together` more than
    those, the rarest, `together` are there.

    Args:
        ours: the postings of texts that ask.
        asked: the postings among which they are looked up.
        wanted: how many runs each text looks up, (n,).
        together: how many of those must be there, (n,).
        sizes: shingles of each text, (n,).
    """
    if not len(ours.run):
        return []
    lengths = np.bincount(asked.run, minlength=int(ours.run[-1]) + 1)
    begins = np.cumsum(lengths) - lengths
    chosen = _rarest(ours, lengths, wanted)
    text, run = ours.text[chosen], ours.run[chosen]
    length = lengths[run]
    ends = np.flatnonzero(np.append(text[1:] != text[:-1], True)[: len(text)]) + 1
    parts: list[Packed] = []
    for block in blocks(np.diff(np.cumsum(length)[ends - 1], prepend=0), _BLOCK):
        own = slice(int(ends[block.start - 1]) if block.start else 0, int(ends[block.stop - 1]))
        first = np.repeat(text[own], length[own])
        second = asked.text[ragged(begins[run[own]], length[own])]
        fits = (first != second) & (sizes[first] <= sizes[second])
        parts.append(_meeting(first[fits], second[fits], together))
        if sum(map(len, parts)) > _HELD:
            parts = [united(parts)]
    return parts


def _meeting(first: Numbers, second: Numbers, together: Counts) -> Packed:
    """Pairs that meet so often, by what the first one asks for."""
    ways = np.sort((first.astype(np.uint64) << np.uint64(32)) | second.astype(np.uint64))
    fresh = np.ones(len(ways), np.bool_)
    fresh[1:] = ways[1:] != ways[:-1]
    begins = np.flatnonzero(fresh)
    times = np.diff(np.append(begins, len(ways)))
    one, other = unpacked(ways[begins])
    often = times >= together[one]
    return packed(one[often], other[often])


def _shared(texts: Sketches) -> _Postings:
    """Sampled runs that a new text and another one have; most runs are in one text alone."""
    postings = texts.samples << _TEXT_BITS
    postings |= np.repeat(np.arange(len(texts.nodes), dtype=np.uint64), np.diff(texts.offsets))
    postings.sort()
    differs = np.ones(len(postings) + 1, np.bool_)
    np.greater(postings[1:] ^ postings[:-1], _TEXT, out=differs[1 : len(postings)])
    shared = ~(differs[1:] & differs[:-1])
    postings, begins = postings[shared], np.flatnonzero(differs[:-1][shared])
    postings &= _TEXT
    text, lengths = postings.view(np.int64), np.diff(np.append(begins, len(postings)))
    if len(begins) and not texts.new.all():
        wanted = np.maximum.reduceat(texts.new.view(np.uint8)[text], begins) > 0
        text, lengths = text[np.repeat(wanted, lengths)], lengths[wanted]
    return _Postings(np.repeat(np.arange(len(lengths)), lengths), text)


def _rarest(ours: _Postings, frequency: Counts, wanted: Counts) -> Numbers:
    """Places of the rarest runs of each text, as many as wanted; beyond 255 all are as common. By text."""
    order = ours.text.view(np.uint64) << np.uint64(8)
    order |= np.minimum(frequency, 255).astype(np.uint8)[ours.run]
    order <<= np.uint64(32)
    order |= np.arange(len(order), dtype=np.uint64)
    order.sort()
    order &= np.uint64((1 << 32) - 1)
    places = order.view(np.int64)
    counts = np.bincount(ours.text, minlength=len(wanted))
    kept = np.minimum(counts, wanted)
    found: Numbers = places[ragged(np.cumsum(counts) - counts, kept)]
    return found


def _enough(pairs: Packed, texts: Sketches, need: Counts) -> Mask:
    """Whether so many of the smaller text's sampled runs are among the larger one's; of equal ones, either way."""
    first, second = unpacked(pairs)
    lengths = np.diff(texts.offsets)
    own = distinct(np.concatenate([first, second]))
    ordered = _owned(own, texts.samples[ragged(texts.offsets[own], lengths[own])], lengths[own])
    enough = np.zeros(len(pairs), np.bool_)
    for small, large in ((first, second), (second, first)):
        asked = np.flatnonzero((texts.sizes[small] <= texts.sizes[large]) & (texts.sizes[small] >= LEAST) & ~enough)
        for block in blocks(lengths[small[asked]], _BLOCK):
            here = asked[block]
            own, length = small[here], lengths[small[here]]
            wanted = _owned(large[here], texts.samples[ragged(texts.offsets[own], length)], length)
            place = np.searchsorted(ordered, wanted)
            hits = ordered[np.minimum(place, len(ordered) - 1)] == wanted
            shared = np.bincount(np.repeat(np.arange(len(here)), length)[hits], minlength=len(here))
            enough[here] = shared >= need[own]
    return enough


def _owned(texts: Numbers, samples: Packed, lengths: Counts) -> Packed:
    """Each run with its text in the upper bits."""
    owned: Packed = (np.repeat(texts.astype(np.uint64), lengths) << np.uint64(SAMPLE_BITS)) | samples
    return owned
