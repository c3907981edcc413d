"""Which texts repeat a benchmark's: word n-gram containment, and cosine between embeddings. Pure.

A text is contaminated if it has `ngram` words in a row in common with a text of a benchmark, or all words of a text
that has fewer. Words are compared in lower case, without punctuation. The n of 13 is that of GPT-3 (Brown et al. 2020,
arXiv:2005.14165, appendix C).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.text import words

BLOCK_ROWS = 4096
"""Texts of a benchmark that are compared at a time: bounds the memory."""


@dataclass(frozen=True, order=True, slots=True)
class Source:
    """A text of a benchmark: its file's name in the recipe, its line or record from 1, and the column."""

    benchmark: str
    row: int
    column: str


@dataclass(frozen=True, slots=True)
class Match:
    """What a text has in common with a benchmark's.

    Args:
        source: the benchmark's text.
        shared: the words that both have in a row; the benchmark's whole text where it is close in meaning alone.
        similarity: the cosine; None where words are shared.
    """

    source: Source
    shared: str
    similarity: float | None = None


class Ngrams:
    """The n-grams of benchmarks, to look for in texts.

    Every n-gram is found by its first `min_words` words, so that a text is read once, whatever lengths are looked for.

    Args:
        texts: the benchmarks' texts with where they stand.
        ngram: words in a row that count as a match.
        min_words: texts of fewer words are left out.
    """

    def __init__(self, texts: Iterable[tuple[Source, str]], ngram: int, min_words: int) -> None:
        self._width = min(min_words, ngram)
        self._known: dict[str, int] = {}
        found: dict[tuple[int, ...], dict[tuple[int, ...], Source]] = defaultdict(dict)
        for source, text in texts:
            said = words(text)
            if len(said) < self._width:
                continue
            codes = [self._known.setdefault(word, len(self._known)) for word in said]
            length = min(ngram, len(codes))
            for start in range(len(codes) - length + 1):
                gram = tuple(codes[start : start + length])
                rest = found[gram[: self._width]]
                known = rest.get(gram[self._width :])
                rest[gram[self._width :]] = source if known is None else min(known, source)
        self._grams = dict(found)

    def match(self, text: str) -> Match | None:
        """The first n-gram of the benchmarks in a text, the longest of those that begin there; None if there is none.

        Which of several texts of the benchmarks with that n-gram is named does not depend on their order.
        """
        said = words(text)
        codes = [self._known.get(word, -1) for word in said]
        width = self._width
        for start in range(len(codes) - width + 1):
            rests = self._grams.get(tuple(codes[start : start + width]))
            if rests is None:
                continue
            after = start + width
            here = [rest for rest in rests if tuple(codes[after : after + len(rest)]) == rest]
            if here:
                longest = max(here, key=len)
                return Match(rests[longest], " ".join(said[start : after + len(longest)]))
        return None


class Meanings:
    """Embeddings of benchmarks' texts, to look for neighbours of others.

    Args:
        texts: the texts with where they stand.
        vectors: (texts, dimension), of length 1.
        cosine: from which cosine on two texts match.
    """

    def __init__(self, texts: Sequence[tuple[Source, str]], vectors: NDArray[np.float32], cosine: float) -> None:
        self._texts, self._vectors, self._cosine = texts, np.asarray(vectors, np.float32), cosine

    def matches(self, vectors: NDArray[np.floating]) -> list[Match | None]:
        """The nearest text of the benchmarks of each row, the first of equally near ones; None where none is near.

        Args:
            vectors: (rows, dimension), of length 1.
        """
        rows = np.asarray(vectors, np.float32)
        best, where = np.full(len(rows), -np.inf, np.float32), np.zeros(len(rows), np.int64)
        for first in range(0, len(self._vectors), BLOCK_ROWS):
            cosines = rows @ self._vectors[first : first + BLOCK_ROWS].T
            place = cosines.argmax(axis=1)
            top = cosines[np.arange(len(rows)), place]
            closer = top > best
            best[closer], where[closer] = top[closer], first + place[closer]
        return [
            Match(self._texts[place][0], self._texts[place][1], round(float(top), 4)) if top >= self._cosine else None
            for place, top in zip(where.tolist(), best, strict=True)
        ]
