"""A figure with its error: what a sample of the rows gave, and how far a figure of other samples would lie from it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GROUPS = 20
"""Groups of a jackknife: enough to know a standard error to about a sixth of itself."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that may come from a sample.

    Args:
        value: the figure.
        error: its standard error over samples of this size; 0 where every row was counted.
    """

    value: float
    error: float = 0.0


def members(rows: int, groups: int) -> NDArray[np.int64]:
    """The group of each row, (rows,): runs of nearly equal length. The rows must lie in a random order."""
    return np.arange(rows, dtype=np.int64) * groups // max(rows, 1)


def fitting(groups: int, rows: int) -> int:
    """At most `groups`, and so few that two rows are left in all others."""
    return max(1, min(groups, rows // 2))


def jackknife(statistic: Callable[[int], float], groups: int) -> Figure:
    """A statistic with the standard error that leaving out one group at a time gives it.

    The delete-a-group jackknife: sqrt((G - 1)/G * sum over g of (t_g - mean t)^2). On average it overstates the
    variance rather than understating it (Efron and Stein 1981). For shares of neighbours it gives 1.1 to 1.5 times
    the true error, where the error of independent rows would be 0.6 to 0.8 of it (measured; the tests do it again).

    Args:
        statistic: gives the figure without the group of a number, or of all rows for the number -1.
        groups: how many groups there are; 1 where the rows are no sample, so that there is no error.
    """
    value = statistic(-1)
    if groups < 2:
        return Figure(value)
    left = np.array([statistic(group) for group in range(groups)])
    return Figure(value, math.sqrt((groups - 1) / groups * float(((left - left.mean()) ** 2).sum())))
