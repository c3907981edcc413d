"""Shares found in samples, and what they allow to say of the whole."""

from math import sqrt

Z_95 = 1.96
"""Two-sided 95%: the interval that is shown."""

Z_ONE_IN_1000 = 3.09
"""One-sided 0.1%: what a check goes by, since a recipe may have a thousand shards."""


def exceeds(hits: int, count: int, most: float) -> bool:
    """Whether the share of the whole is above `most`, beyond what a sample of this size leaves open."""
    return wilson(hits, count, Z_ONE_IN_1000)[0] > most


def wilson(hits: int, count: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval of a proportion (Wilson 1927), which holds for small samples and for shares near 0 and 1.

    Args:
        hits: how many of the sample have it.
        count: size of the sample; of none nothing is known.
        z: quantile of the normal distribution.

    Returns:
        The lower and the upper end, 0 to 1.
    """
    if not count:
        return 0.0, 1.0
    share, spread = hits / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
