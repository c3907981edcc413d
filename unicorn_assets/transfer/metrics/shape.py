"""Centre and covariance of a set of embeddings, from sums that stream and merge: what most figures of a gap need."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Rows
from unicorn_assets.transfer.rows import Doubles, checked
from unicorn_assets.transfer.statistics import Covariance

ROUNDING = 1e-12
"""An eigenvalue below this share of the rows' mean squared norm may be rounding of the sums, and counts as zero.

Rounding unit rows of 1280 numbers to float16 leaves ten times as much along every axis.
"""


@dataclass(frozen=True, eq=False)
class Shape:
    """The first two moments of a set, with the count as denominator.

    Args:
        count: rows.
        mean: centroid, (dimension,).
        covariance: (dimension, dimension).
        direction: mean of the rows that were divided by their norms, (dimension,).
        floor: eigenvalues below it are zero.
    """

    count: int
    mean: Doubles
    covariance: Doubles
    direction: Doubles
    floor: float = 0.0

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return len(self.mean)

    @property
    def trace(self) -> float:
        """Total variance: the mean squared distance to the centroid."""
        return float(self.values.sum())

    @property
    def mean_cosine(self) -> float:
        """Mean cosine between two different rows, by |sum of n directions|^2 = n + sum over pairs."""
        return (self.count * float(self.direction @ self.direction) - 1) / (self.count - 1)

    @property
    def values(self) -> Doubles:
        """Eigenvalues of the covariance, largest first, (dimension,)."""
        return self._eigen[0]

    @property
    def axes(self) -> Doubles:
        """Eigenvectors as columns, in the order of `values`, (dimension, dimension)."""
        return self._eigen[1]

    @cached_property
    def _eigen(self) -> tuple[Doubles, Doubles]:
        values, axes = np.linalg.eigh(self.covariance)
        values, axes = values[::-1], axes[:, ::-1]
        return np.where(values > self.floor, values, 0.0), axes


class Spread(Covariance):
    """The covariance of rows and the mean of their directions: what a `Shape` is made of.

    Args:
        dimension: length of a row.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self._directions = np.zeros(dimension)

    def add(self, rows: Rows, *, unit: bool = True, first: int | None = None) -> Doubles:
        """Takes in embeddings (n, dimension) and gives them back in float64.

        Raises:
            TransferError: a row is not fit for use (`rows.check`), or is zero; names it, counted over all calls or
                from `first`.
        """
        start = self.count if first is None else first
        found, squares = checked(rows, self.dimension, start, unit=unit)
        zero = np.flatnonzero(squares == 0)
        if zero.size:
            raise TransferError(
                f"Row {start + zero[0]} is a zero vector.",
                "leave the rows that a transfer lost out, after it and before it.",
            )
        self.take(found, squares)
        return found

    def take(self, rows: Doubles, squares: Doubles | None = None) -> None:
        """Takes in rows that were found fit for use; a zero row has no direction and adds none."""
        squares = np.vecdot(rows, rows) if squares is None else squares
        super().take(rows, squares)
        norms = np.sqrt(squares)
        self._directions += (rows / np.where(norms > 0, norms, 1.0)[:, None]).sum(axis=0)

    def merge(self, other: Self) -> None:
        """Takes in what another instance gathered.

        Raises:
            TransferError: the dimensions differ.
        """
        super().merge(other)
        self._directions += other._directions

    def shape(self) -> Shape:
        """Centre and covariance of what was seen.

        Raises:
            TransferError: there are fewer than 2 rows.
        """
        covariance = self.covariance()
        floor = ROUNDING * self.mean_square()
        return Shape(self.count, self.mean(), covariance, self._directions / self.count, floor)
