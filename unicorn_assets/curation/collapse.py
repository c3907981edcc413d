"""Meters of collapse: how much a set of texts or vectors says the same again. Pure; the caller bounds what goes in."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp, log, log2
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.diversity import WINDOW

LONGEST_RUN = 4
"""Words of the longest run that self-BLEU compares."""

_NOTHING = 0.1
"""What a precision of 0 counts for: method 1 of Chen & Cherry (2014)."""

_LEAST_SPREAD = 0.02
"""Least spread that siblings are taken to have, as a share of their median."""


def compression_ratio(stream: Sequence[str], window: int = WINDOW) -> float:
    """Bytes over bytes compressed by zlib, the mean over whole windows of words; 1 where there are none.

    Templates compress: English prose by about 2.5, the same sentences over and over by 10 and more.

    Args:
        stream: the words of all texts, one text behind the other.
        window: words of a window, as of distinct-n: only equal lengths can be compared. A shorter stream is one.
    """
    ratios = []
    for start in range(0, max(len(stream) - window, 0) + 1, window):
        plain = " ".join(stream[start : start + window]).encode()
        if plain:
            ratios.append(len(plain) / len(zlib.compress(plain, 6)))
    return fmean(ratios) if ratios else 1.0


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Mean BLEU-4 of each text against all others (Zhu et al. 2018), 0..1: the higher, the more alike they are.

    Clipped precisions of runs of 1 to 4 words in equal parts, a precision of 0 smoothed by method 1 of Chen & Cherry
    (2014), brevity against the other text of nearest length. Linear in the words of all texts. 0 of fewer than two.

    Args:
        texts: the words of each text; texts without a word are left out.
    """
    texts = [text for text in texts if text]
    if len(texts) < 2:
        return 0.0
    logs = [0.0] * len(texts)
    for length in range(1, LONGEST_RUN + 1):
        counted = [Counter(zip(*(text[offset:] for offset in range(length)), strict=False)) for text in texts]
        most = _two_greatest(counted)
        for place, counts in enumerate(counted):
            total = sum(counts.values())
            clipped = sum(min(count, _elsewhere(most[run], place)) for run, count in counts.items())
            logs[place] += log((clipped or _NOTHING) / (total or 1)) / LONGEST_RUN
    lengths = [len(text) for text in texts]
    return fmean(min(exp(one) * _brevity(lengths, place), 1.0) for place, one in enumerate(logs))


Greatest = tuple[int, int, int]


def _two_greatest(counted: Sequence[Mapping[tuple[str, ...], int]]) -> dict[tuple[str, ...], Greatest]:
    """Of each run: its greatest count in a text, which text that is, and its greatest count in another."""
    most: dict[tuple[str, ...], Greatest] = {}
    for place, counts in enumerate(counted):
        for run, count in counts.items():
            first, owner, second = most.get(run, (0, -1, 0))
            most[run] = (count, place, first) if count > first else (first, owner, max(second, count))
    return most


def _elsewhere(greatest: Greatest, place: int) -> int:
    first, owner, second = greatest
    return second if owner == place else first


def _brevity(lengths: Sequence[int], place: int) -> float:
    own = lengths[place]
    nearest = min((abs(other - own), other) for where, other in enumerate(lengths) if where != place)[1]
    return 1.0 if own >= nearest else exp(1 - nearest / own)


def entropy(counts: Mapping[str, int]) -> float:
    """Shannon entropy of a distribution in bits: 0 where all are of one kind, or there is nothing."""
    total = sum(counts.values())
    shares = (count / total for count in counts.values() if count)
    return max(0.0, -sum(share * log2(share) for share in shares))


def vendi_score(second_moment: NDArray[np.float64]) -> float:
    """How many distinct vectors there are in effect: 1 where all are equal, n where all are at right angles.

    exp of the entropy of the eigenvalues of K/n, of n unit vectors with their cosines K (Friedman & Dieng 2023, Vendi
    score); taken in its dual form, since X X'/n and X'X/n have the same eigenvalues but for zeros.

    Args:
        second_moment: (dimension, dimension), X'X/n; its trace is taken as 1, so that rounded vectors count as unit.
    """
    values = np.linalg.eigvalsh(second_moment)
    shares = values[values > 0] / values[values > 0].sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def robust_z(value: float, others: Sequence[float], least: float = 0.0) -> float:
    """How far a value is from the median of others, in robust standard deviations (1.4826 MAD), always positive.

    Args:
        value: the value.
        others: one or more others; their spread is taken to be at least 2% of their median.
        least: another least spread, such as the error of a share by chance.
    """
    middle = median(others)
    spread = 1.4826 * median(abs(other - middle) for other in others)
    return abs(value - middle) / max(spread, _LEAST_SPREAD * abs(middle), least, 1e-9)
