"""What an expanded caption must satisfy to be kept: each rule one function, each refusal a reason with its detail.

A rule compares the caption with its seed: what the seed says itself is never held against the caption.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from unicorn_assets.curation.faithfulness import contradictions
from unicorn_assets.curation.inflection import parts, stem
from unicorn_assets.curation.quality import WEIGHTS, Quality, quality
from unicorn_assets.curation.reasons import Reason
from unicorn_assets.curation.statements import Statements
from unicorn_assets.curation.wording import WORDINGS
from unicorn_assets.judging import Curation
from unicorn_assets.text import FUNCTION_WORDS, words

CURATION_VERSION = 2
"""Bumped by hand when a verdict or a figure changes; a golden test tells when that is due."""

_SENTENCE_END = re.compile(r"[.!?][\"'”’)]{0,2}\s")
_SHORTEST_SENTENCE = 4
_SAME_BEGINNING = 5


@dataclass(frozen=True, slots=True)
class Measures:
    """Figures of one caption.

    Args:
        words: number of words.
        repetition: share of word trigrams that occurred before in the caption, 0 to 1.
        seed_words: share of the seed's distinct content words that the caption keeps, 0 to 1; 1 where it has none.
        quality: how good it is, in parts.
    """

    words: int
    repetition: float
    seed_words: float
    quality: Quality


class _Reading:
    """A caption and its seed, read once for all rules."""

    def __init__(self, seed: str, caption: str) -> None:
        self.seed, self.caption = seed, caption
        self.words = words(caption)
        self.seed_words = parts(seed)
        self.seed_content = [word for word in dict.fromkeys(self.seed_words) if word not in FUNCTION_WORDS]

    @cached_property
    def forms(self) -> set[str]:
        """The caption's words, with the parts of hyphenated ones."""
        forms = set(self.words)
        for word in [word for word in forms if "-" in word]:
            forms.update(word.split("-"))
        return forms

    @cached_property
    def joined(self) -> set[str]:
        """Stems of the caption's neighbouring words, written as one."""
        pieces = [part for word in self.words for part in word.split("-")]
        return {stem(first + second) for first, second in pairwise(pieces)}

    @cached_property
    def seed_stems(self) -> set[str]:
        return {stem(word) for word in self.seed_words}

    @cached_property
    def repetition(self) -> float:
        """Share of word trigrams that occurred before."""
        total = len(self.words) - 2
        if total < 1:
            return 0.0
        return 1 - len(set(zip(self.words, self.words[1:], self.words[2:], strict=False))) / total

    @cached_property
    def missing(self) -> list[str]:
        """Content words of the seed that the caption does not keep, also not inflected or joined to a neighbour."""
        unseen = [word for word in self.seed_content if word not in self.forms]
        if not unseen:
            return []
        stems = set(map(stem, self.forms))
        joined = {word for pair in pairwise(self.seed_words) if stem("".join(pair)) in stems for word in pair}
        unseen = [word for word in unseen if stem(word) not in stems and word not in joined]
        return [word for word in unseen if stem(word) not in self.joined]

    @cached_property
    def kept(self) -> float:
        """Share of the seed's content words that the caption keeps; 1 where it has none."""
        return 1 - len(self.missing) / len(self.seed_content) if self.seed_content else 1.0

    @cached_property
    def quality(self) -> Quality:
        """How good the caption is."""
        details = {word for word in self.forms if word not in FUNCTION_WORDS and stem(word) not in self.seed_stems}
        return quality(self.words, seed_words=self.kept, repetition=self.repetition, details=details)

    def in_seed(self, phrase: str) -> bool:
        """Whether `phrase` stands in the seed, or every content word of it does in some form."""
        return phrase.lower() in self.seed.lower() or all(
            stem(word) in self.seed_stems or self._akin(word) for word in parts(phrase) if word not in FUNCTION_WORDS
        )

    def _akin(self, word: str) -> bool:
        beginning = word[:_SAME_BEGINNING]
        return word.isalpha() and len(word) >= _SAME_BEGINNING and any(s.startswith(beginning) for s in self.seed_words)


@lru_cache(maxsize=1)
def _read(seed: str, caption: str) -> _Reading:
    """One reading serves `judge` and `measures` of the same caption."""
    return _Reading(seed, caption)


def judge(seed: str, caption: str, limits: Curation) -> list[Reason]:
    """All reasons not to keep `caption`, at most one a code, in a fixed order; empty where it is kept.

    Args:
        seed: the cleaned seed that the caption was expanded from.
        caption: the parsed expansion.
        limits: the recipe's limits.
    """
    reading = _read(seed, caption)
    verdicts = (_length(reading, limits), _repetition(reading, limits), _seed_words(reading, limits))
    against = contradictions(Statements(seed), Statements(caption)) if limits.contradictions else []
    told = (*(reason for reason in verdicts if reason), *against, *_added(reading))
    return list(told) or list(_quality(reading, limits))


def measures(seed: str, caption: str) -> Measures:
    """Figures of `caption`, for columns and distributions."""
    reading = _read(seed, caption)
    return Measures(len(reading.words), reading.repetition, reading.kept, reading.quality)


def _length(reading: _Reading, limits: Curation) -> Reason | None:
    count = len(reading.words)
    if count < limits.min_words:
        return Reason("too_short", f"{count} words, at least {limits.min_words} wanted")
    if count > limits.max_words:
        return Reason("too_long", f"{count} words, at most {limits.max_words} wanted")
    return None


def _repetition(reading: _Reading, limits: Curation) -> Reason | None:
    if reading.repetition > limits.max_repetition:
        share = f"{reading.repetition:.0%} of the word trigrams are repeats, at most {limits.max_repetition:.0%} wanted"
        return Reason("repetition", share)
    if reading.repetition:
        seen: set[tuple[str, ...]] = set()
        for sentence in _SENTENCE_END.split(reading.caption):
            key = tuple(words(sentence))
            if len(key) >= _SHORTEST_SENTENCE and key in seen:
                return Reason("repetition", f"a sentence stands there twice: {' '.join(key)[:120]}")
            seen.add(key)
    return None


def _seed_words(reading: _Reading, limits: Curation) -> Reason | None:
    wanted, missing = len(reading.seed_content), reading.missing
    if reading.kept < limits.min_seed_words:
        return Reason("seed_words_missing", f"{len(missing)} of {wanted} missing: {', '.join(missing)}")
    return None


def _quality(reading: _Reading, limits: Curation) -> Iterator[Reason]:
    """Asked last, of captions that nothing else is wrong with."""
    if limits.min_quality and reading.quality.score < limits.min_quality:
        parts = ", ".join(f"{part} {getattr(reading.quality, part):.2f}" for part in WEIGHTS)
        wanted = f"{reading.quality.score:.3f}, at least {limits.min_quality:.3f} wanted"
        yield Reason("low_quality", f"{wanted} ({parts})")


def _added(reading: _Reading) -> Iterator[Reason]:
    """Wording that the caption adds to what its seed says."""
    has_digit = any(digit in reading.caption for digit in "0123456789")
    for wording in WORDINGS:
        found = wording.found(reading.caption, reading.forms, has_digit)
        added = [phrase for phrase in dict.fromkeys(found) if not reading.in_seed(phrase)]
        if added:
            yield Reason(wording.code, f"{wording.what} that the seed does not have: {', '.join(added[:5])}")
