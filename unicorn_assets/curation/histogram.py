"""Counts of whole numbers in bins of a round width."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

MOST_BINS = 12
_ROUND = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bin:
    """How many values lie from `least` to `most`, both included."""

    least: int
    most: int
    values: int


def histogram(values: Sequence[int], most_bins: int = MOST_BINS) -> list[Bin]:
    """The values in bins without a gap, from the least to the greatest; no bin where there is no value.

    Args:
        values: whole numbers.
        most_bins: most bins; their width is the least of 1, 2, 5, 10, 20, 50, … that needs no more.
    """
    if not values:
        return []
    low, high = min(values), max(values)
    width = next(
        width
        for power in count()
        for width in (step * 10**power for step in _ROUND)
        if high // width - low // width < most_bins
    )
    counts = Counter(value // width for value in values)
    return [
        Bin(place * width, (place + 1) * width - 1, counts[place]) for place in range(low // width, high // width + 1)
    ]
