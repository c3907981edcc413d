"""How varied a set of texts is: figures that tell when an engine repeats itself. Pure; the caller bounds the texts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

from unicorn_assets.text import words

WINDOW = 10_000
"""Words that distinct-n is taken over: it falls with the length of a text, so only equal lengths can be compared."""

OPENING_WORDS = 3
OPENINGS = 5
"""Most common openings that are kept."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Words that texts begin with, and the share of the texts that do, 0 to 1."""

    words: str
    share: float


@dataclass(frozen=True, slots=True)
class Diversity:
    """Figures of a set of texts.

    Args:
        texts: texts that have a word.
        words: their words together.
        vocabulary: distinct words among them.
        distinct_1: share of distinct words in WINDOW words, the mean of the windows; of all words where they are fewer.
        distinct_2: the same of pairs of neighbouring words.
        openings: the most common first words, the most common first, ties in alphabetical order.
    """

    texts: int
    words: int
    vocabulary: int
    distinct_1: float
    distinct_2: float
    openings: tuple[Opening, ...]

    @property
    def type_token_ratio(self) -> float:
        """Distinct words over words, of all texts together."""
        return self.vocabulary / self.words


def diversity(texts: Iterable[str]) -> Diversity | None:
    """The figures of `texts`; None where they have no word."""
    split = [found for text in texts if (found := words(text))]
    if not split:
        return None
    stream = list(chain.from_iterable(split))
    return Diversity(
        texts=len(split),
        words=len(stream),
        vocabulary=len(set(stream)),
        distinct_1=fmean(distinct(stream, 1)),
        distinct_2=fmean(distinct(stream, 2)),
        openings=_openings(split),
    )


def distinct(stream: Sequence[str], length: int, window: int = WINDOW) -> list[float]:
    """Share of distinct runs of so many words in each whole window of the stream, one behind the other.

    Args:
        stream: the words of all texts, one text behind the other.
        length: words of a run; 1 for distinct-1.
        window: words of a window. A stream that is shorter is one window; what follows the last whole one is left out.
    """
    starts = range(0, max(len(stream) - window, 0) + 1, window)
    return [_share(stream[start : start + window], length) for start in starts]


def _share(part: Sequence[str], length: int) -> float:
    runs = max(len(part) - length + 1, 0)
    return len(set(zip(*(part[offset:] for offset in range(length)), strict=False))) / runs if runs else 1.0


def _openings(split: Sequence[Sequence[str]]) -> tuple[Opening, ...]:
    counts = Counter(" ".join(one[:OPENING_WORDS]) for one in split)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Opening(opening, count / len(split)) for opening, count in ranked[:OPENINGS])
