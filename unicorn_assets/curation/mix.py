"""Meeting a wanted mix from what is there: how many of each part, and which. Pure, and free of any order.

Shares are exact fractions; they are rounded to whole samples by the largest remainder, so that a part is off by less
than one sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Plan:
    """How many samples each part gets.

    Args:
        quotas: those that it gets.
        missing: those that it lacks for the mix to hold at the size that is wanted.
        met: whether every part has its share, up to rounding.
    """

    quotas: tuple[int, ...]
    missing: tuple[int, ...]
    met: bool


def plan(shares: Sequence[Fraction], supply: Sequence[int], total: int | None = None) -> Plan:
    """Quotas of the parts of a mix.

    With a total, each part gets its share of it as far as it goes. Without one, all get as many as the scarcest part
    allows, and a part that has nothing at all is passed over: it would empty the release. What is missing is then
    counted at the size of all samples that are there.

    Args:
        shares: of each part, above 0, together at most 1.
        supply: samples that there are of each part.
        total: samples that are wanted in all.
    """
    wanted = apportioned(shares, sum(supply) if total is None else total)
    missing = tuple(max(0, one - there) for one, there in zip(wanted, supply, strict=True))
    if total is not None:
        quotas = tuple(min(one, there) for one, there in zip(wanted, supply, strict=True))
        return Plan(quotas, missing, not any(missing))
    there = [(share, count) for share, count in zip(shares, supply, strict=True) if count]
    size = floor(min((Fraction(count) / share for share, count in there), default=Fraction()))
    sized = apportioned(shares, size)
    quotas = tuple(one if count else 0 for one, count in zip(sized, supply, strict=True))
    return Plan(quotas, missing, len(there) == len(shares))


def apportioned(shares: Sequence[Fraction], size: int) -> list[int]:
    """Whole numbers in these shares of a size, by the largest remainder; of equal ones the first. None is off by 1."""
    exact = [share * size for share in shares]
    found = [floor(one) for one in exact]
    left = floor(sum(exact, Fraction())) - sum(found)
    order = sorted(range(len(exact)), key=lambda place: (found[place] - exact[place], place))
    for place in order[:left]:
        found[place] += 1
    return found


def chosen(parts: NDArray[np.int32], draws: NDArray[np.float64], quotas: Sequence[int]) -> NDArray[np.bool_]:
    """(rows,) which samples are taken: of each part those with the smallest draws, so that a larger quota adds some.

    Args:
        parts: (rows,) the part of each sample, below 0 for none.
        draws: (rows,) a number for each sample that depends on its id alone, none twice.
        quotas: how many of each part.
    """
    taken = np.zeros(len(parts), bool)
    for part, quota in enumerate(quotas):
        members = np.flatnonzero(parts == part)
        taken[members[np.argsort(draws[members], kind="stable")[:quota]]] = True
    return taken
