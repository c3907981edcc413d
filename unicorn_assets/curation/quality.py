"""How good a caption is, as one number of named parts: what comes first where only some can be kept.

    quality = 0.30 seed_words + 0.20 fresh + 0.15 length_fit + 0.15 variety + 0.20 specificity

All parts and the sum lie in 0..1. Weights and bands are our choice; the parts are columns, so that others can be tried
by a query.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

QUALITY_VERSION = 1
"""Bumped by hand when a figure changes; a golden test tells when that is due."""

WORST_REPETITION = 0.2
"""Share of repeated trigrams at which nothing is left of `fresh`: the default limit of the recipe."""

SHORTEST, SHORT, LONG, LONGEST = 20, 60, 200, 483
"""Words between which `length_fit` rises from 0 to 1, and falls to 0 again. The prompt asks for 80 to 150 words; the
longest caption of the paper has 483."""

VARIETY_WINDOW = 50
VARIETY_BAND = 0.55, 0.85
"""Moving-average type-token ratios that count as 0 and as 1: English prose lies between."""

DETAILS = 60
"""Distinct content words beyond the seed's that make a caption as specific as can be told by counting."""

WEIGHTS = {"seed_words": 0.30, "fresh": 0.20, "length_fit": 0.15, "variety": 0.15, "specificity": 0.20}


@dataclass(frozen=True, slots=True)
class Quality:
    """The parts, each 0..1, the higher the better.

    Args:
        seed_words: share of the seed's content words that the caption keeps.
        fresh: 1 where no word trigram repeats, 0 at WORST_REPETITION and beyond.
        length_fit: 1 from SHORT to LONG words, falling to 0 at SHORTEST and LONGEST.
        variety: moving-average type-token ratio (Covington & McFall 2010), scaled to VARIETY_BAND.
        specificity: distinct content words that the caption adds to its seed, over DETAILS, at most 1.
    """

    seed_words: float
    fresh: float
    length_fit: float
    variety: float
    specificity: float

    @property
    def score(self) -> float:
        """The weighted sum, 0..1."""
        return sum(weight * float(getattr(self, part)) for part, weight in WEIGHTS.items())


def quality(words: Sequence[str], *, seed_words: float, repetition: float, details: Collection[str]) -> Quality:
    """The parts of a caption.

    Args:
        words: its lower-case words in order.
        seed_words: share of the seed's content words that it keeps.
        repetition: share of its word trigrams that occurred before.
        details: distinct content words that it adds to its seed.
    """
    low, high = VARIETY_BAND
    return Quality(
        seed_words=seed_words,
        fresh=_within(1 - repetition / WORST_REPETITION),
        length_fit=_within(
            min((len(words) - SHORTEST) / (SHORT - SHORTEST), (LONGEST - len(words)) / (LONGEST - LONG))
        ),
        variety=_within((moving_ratio(words) - low) / (high - low)),
        specificity=_within(len(details) / DETAILS),
    )


def moving_ratio(words: Sequence[str], window: int = VARIETY_WINDOW) -> float:
    """Mean share of distinct words over all windows of so many words, which does not fall with a text's length.

    The plain share where the text is no longer than a window; 0 where it has no word.
    """
    if len(words) <= window:
        return len(set(words)) / len(words) if words else 0.0
    counts: dict[str, int] = {}
    distinct = total = 0
    for place, word in enumerate(words):
        counts[word] = counts.get(word, 0) + 1
        distinct += counts[word] == 1
        if place >= window:
            old = words[place - window]
            counts[old] -= 1
            distinct -= counts[old] == 0
        if place >= window - 1:
            total += distinct
    return total / (window * (len(words) - window + 1))


def _within(value: float) -> float:
    return min(max(value, 0.0), 1.0)
