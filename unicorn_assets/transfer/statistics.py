"""Statistics of a set of embeddings, gathered as they stream by, and mergeable over shards in any order."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.rows import Doubles, checked

LEAST_VARIANCE = 1e-12
"""Total variance of unit rows below which they are alike but for rounding of the sums."""


class Moments:
    """Count, mean and total variance of embeddings, as plain sums in float64.

    Unit rows need no shifted sums: their squares are 1, so nothing cancels that matters (checked against a two-pass
    reference in the tests). How the rows were cut into chunks changes the result by less than 1e-12; the same chunks
    give the same bytes. The mean of float16 rows is exact whatever the chunks: they are whole multiples of 2**-24, of
    which float64 adds up 2**29 without rounding.

    Args:
        dimension: length of an embedding.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self._sum = np.zeros(dimension)
        self._squares = 0.0

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return len(self._sum)

    def add(self, rows: NDArray[Any], *, unit: bool = True, first: int | None = None) -> Doubles:
        """Takes in embeddings and gives them back in float64.

        Args:
            rows: (n, dimension) of any float type; n may be 0.
            unit: whether their norms must be 1.
            first: the number of the first row, for errors; by default rows are counted over all calls.

        Raises:
            TransferError: the rows are not fit for use (`rows.check`); names the row.
        """
        found, squares = checked(rows, self.dimension, self.count if first is None else first, unit=unit)
        self.take(found, squares)
        return found

    def take(self, rows: Doubles, squares: Doubles | None = None) -> None:
        """Takes in rows, (n, dimension), that need no check any more; their squared norms, (n,), may be given."""
        squares = np.vecdot(rows, rows) if squares is None else squares
        self.take_sums(rows.sum(axis=0), float(squares.sum()), len(rows))

    def take_sums(self, total: Doubles, squares: float, count: int) -> None:
        """Takes in the sum, (dimension,), and the sum of the squared norms of so many rows."""
        self._sum += total
        self._squares += squares
        self.count += count

    def merge(self, other: Self) -> None:
        """Takes in what another instance gathered.

        Raises:
            TransferError: the dimensions differ.
        """
        if other.dimension != self.dimension:
            raise TransferError(
                f"Statistics of {other.dimension} dimensions meet statistics of {self.dimension}.",
                "gather both from one encoder's embeddings.",
            )
        self.take_sums(other._sum, other._squares, other.count)

    def mean(self) -> Doubles:
        """The centroid, (dimension,).

        Raises:
            TransferError: there are fewer than 2 rows.
        """
        if self.count < 2:
            raise TransferError(
                f"There are {self.count} embeddings to take statistics of; 2 are the least, 10,000 a good number.",
                "give more embeddings.",
            )
        mean: Doubles = self._sum / self.count
        return mean

    def trace(self) -> float:
        """Trace of the covariance: the mean squared distance to the centroid, with the count as denominator.

        Raises:
            TransferError: there are fewer than 2 rows.
        """
        mean = self.mean()
        return max(0.0, self.mean_square() - float(mean @ mean))

    def mean_square(self) -> float:
        """Mean squared norm of the rows; 1 for unit rows."""
        return self._squares / self.count


class Covariance(Moments):
    """The same and the full covariance, whose sums take dimension**2 numbers.

    Args:
        dimension: length of an embedding.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self._products = np.zeros((dimension, dimension))

    def take(self, rows: Doubles, squares: Doubles | None = None) -> None:
        """Takes in rows, (n, dimension), that need no check any more; their squared norms, (n,), may be given."""
        super().take(rows, squares)
        self._products += rows.T @ rows

    def merge(self, other: Self) -> None:
        """Takes in what another instance gathered.

        Raises:
            TransferError: the dimensions differ.
        """
        super().merge(other)
        self._products += other._products

    def covariance(self) -> Doubles:
        """The covariance, (dimension, dimension) and exactly symmetric, with the count as denominator.

        Raises:
            TransferError: there are fewer than 2 rows.
        """
        mean = self.mean()
        matrix: Doubles = self._products / self.count - np.outer(mean, mean)
        return (matrix + matrix.T) / 2


def check_enough(what: str, rows: int, dimension: int) -> None:
    """Refuses so many rows where a covariance of full rank is wanted.

    Raises:
        TransferError: they are no more than the dimensions; `what` names them.
    """
    if rows <= dimension:
        raise TransferError(
            f"There are {rows:,} {what}; the covariance of {dimension:,} dimensions needs {dimension + 1:,}.",
            "give more of them, by a larger sample of more texts and images; 10,000 are a good number.",
        )


def enough_for_covariance(what: str, rows: NDArray[Any], dimension: int) -> Covariance:
    """The statistics of unit rows, (n, dimension), where they are enough for a covariance of full rank.

    Raises:
        TransferError: there are no more rows than dimensions, they are all alike, or one is not fit for use; `what`
            names them.
    """
    check_enough(what, len(rows), dimension)
    seen = Covariance(dimension)
    seen.add(rows)
    if seen.trace() < LEAST_VARIANCE:
        raise TransferError(f"All {what} have the same embedding.", f"give {what} that differ.")
    return seen
