"""Shingles: the word n-grams of a text as hashes, for many texts at once in whole-array operations.

A text is normalised to what two tellings of one thing share: compatibility forms folded (NFKC), case folded, and
everything that is neither letter, mark nor digit taken as a gap between words. Scripts that write no gaps give a word a
character. A shingle is a run of words, kept as a hash of 64 bits; a text with fewer words has one shingle, of them all.

Hashes are polynomials in an odd base modulo 2**64 over prefix sums (M. Karp, O. Rabin, 1987), mixed by the finalizer of
splitmix64 (G. Steele et al., 2014). They depend on the text alone: neither on its neighbours nor on the machine.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates.pairs import blocks

VERSION = f"1 with Unicode {unicodedata.unidata_version}"
"""Of the normalisation and the hashes; another one gives other shingles."""

Hashes = NDArray[np.uint64]
Counts = NDArray[np.int64]
Codes = NDArray[np.uint8] | NDArray[np.uint32]

CHUNK = 1 << 17
"""Characters at a time, so that what lies between stays in a core's cache."""

_UNKNOWN, _GAP, _LETTER, _WORD = 0, 1, 2, 3
_CHARACTERS = 0x110000
_UNSPACED = frozenset({"CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "YI"})
_BASE = 0x9E3779B97F4A7C15
_WORDS_BASE = 0xD1342543DE82EF95


@dataclass(frozen=True)
class Shingled:
    """The shingles of n texts, one text behind the other; a shingle that a text has twice stands twice.

    Args:
        hashes: the shingles' hashes.
        offsets: where each text's shingles begin, and where the last one's end, (n + 1,).
        keys: a hash of all words of each text in order, (n,): equal where the normalised texts are.
        words: how many words each text has, (n,).
    """

    hashes: Hashes
    offsets: Counts
    keys: Hashes
    words: Counts


def shingled(texts: Sequence[str], length: int) -> Shingled:
    """The shingles of `texts`, each of `length` words."""
    return shingled_by(texts, (length,))[0]


def shingled_by(texts: Sequence[str], lengths: Sequence[int]) -> list[Shingled]:
    """The shingles of `texts` by each of these numbers of words; most of the work is done once."""
    chunks = [_chunk(*part, lengths) for part in _chunks(texts)]
    return [_joined([chunk[place] for chunk in chunks]) for place in range(len(lengths))]


def _joined(parts: Sequence[Shingled]) -> Shingled:
    if len(parts) == 1:
        return parts[0]
    counts = [np.zeros(1, np.int64), *(np.diff(part.offsets) for part in parts)]
    return Shingled(
        np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)]),
        np.cumsum(np.concatenate(counts)),
        np.concatenate([np.empty(0, np.uint64), *(part.keys for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.words for part in parts)]),
    )


def mixed(numbers: Hashes) -> Hashes:
    """splitmix64's finalizer: every bit of the result depends on every bit of the number. A new array."""
    out = numbers ^ (numbers >> np.uint64(30))
    out *= np.uint64(0xBF58476D1CE4E5B9)
    out ^= out >> np.uint64(27)
    out *= np.uint64(0x94D049BB133111EB)
    out ^= out >> np.uint64(31)
    return out


def _chunks(texts: Sequence[str]) -> Iterator[tuple[Codes, Counts]]:
    """Characters of folded texts, a gap behind each, about CHUNK at a time; and how many belong to each text."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    for block in blocks(lengths, CHUNK):
        text = "\n".join(texts[block]) + "\n"
        if text.isascii():  # most are, and fold together
            yield _codes(text.lower()), lengths[block]
            continue
        folded = [
            text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold() for text in texts[block]
        ]
        yield _codes("\n".join(folded) + "\n"), np.fromiter(map(len, folded), np.int64, len(folded)) + 1


def _codes(text: str) -> Codes:
    try:
        return np.frombuffer(text.encode("latin-1"), np.uint8)
    except UnicodeEncodeError:
        return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _chunk(codes: Codes, characters: Counts, lengths: Sequence[int]) -> list[Shingled]:
    begins, ends = _word_bounds(codes)
    powers, inverses = _powers(_BASE, len(codes) + 1)
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(_character_hashes()[codes] * powers[: len(codes)], out=sums[1:])
    words = mixed((sums[ends] - sums[begins]) * inverses[begins])

    bounds = np.searchsorted(begins, np.concatenate([[0], np.cumsum(characters)]))
    firsts, lasts = bounds[:-1], bounds[1:]
    counts = lasts - firsts
    powers, inverses = _powers(_WORDS_BASE, len(words) + 1)
    sums = np.zeros(len(words) + 1, np.uint64)
    np.cumsum(words * powers[: len(words)], out=sums[1:])

    def hashed(begin: Counts, end: Counts) -> Hashes:
        """Of the words from `begin` to before `end`."""
        return mixed((sums[end] - sums[begin]) * inverses[begin] + (end - begin).astype(np.uint64))

    keys, found = hashed(firsts, lasts), []
    for length in lengths:
        runs = np.where(counts >= length, counts - length + 1, np.minimum(counts, 1))
        offsets = np.concatenate([[0], np.cumsum(runs)])
        starts = np.arange(offsets[-1]) + np.repeat(firsts - offsets[:-1], runs)
        stops = np.minimum(starts + length, np.repeat(lasts, runs))
        found.append(Shingled(hashed(starts, stops), offsets, keys, counts))
    return found


def _word_bounds(codes: Codes) -> tuple[Counts, Counts]:
    """Where words begin, and behind their last characters."""
    table = _kinds()
    kinds = table[codes]
    for code in np.unique(codes[kinds == _UNKNOWN]):
        table[code] = _kind(chr(code))
    if (kinds == _UNKNOWN).any():
        kinds = table[codes]
    padded = np.full(len(kinds) + 2, _GAP, np.uint8)
    padded[1:-1] = kinds
    letters, alone = padded == _LETTER, kinds == _WORD
    begins = np.flatnonzero((letters[1:-1] & ~letters[:-2]) | alone)
    ends = np.flatnonzero((letters[1:-1] & ~letters[2:]) | alone) + 1
    return begins, ends


def _kind(character: str) -> int:
    if unicodedata.category(character)[0] not in "LMN":
        return _GAP
    name = unicodedata.name(character, "").replace("-", " ").split(" ")[0]
    return _WORD if name in _UNSPACED else _LETTER


@lru_cache(maxsize=1)
def _kinds() -> NDArray[np.uint8]:
    """What each character is; filled in as characters are met, which gives the same whoever comes first."""
    return np.full(_CHARACTERS, _UNKNOWN, np.uint8)


@lru_cache(maxsize=1)
def _character_hashes() -> Hashes:
    return mixed(np.arange(1, _CHARACTERS + 1, dtype=np.uint64) * np.uint64(_BASE))


def _powers(base: int, count: int) -> tuple[Hashes, Hashes]:
    """Powers of the base from the 0th on, and their inverses modulo 2**64; `count` of them or more."""
    return _all_powers(base, max(CHUNK, 1 << count.bit_length()) + 1)


@lru_cache(maxsize=4)
def _all_powers(base: int, count: int) -> tuple[Hashes, Hashes]:
    def powers(factor: int) -> Hashes:
        factors = np.full(count, factor, np.uint64)
        factors[0] = 1
        return np.cumprod(factors)

    return powers(base), powers(pow(base, -1, 1 << 64))
