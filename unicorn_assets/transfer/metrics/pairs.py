"""Figures of pairs, each a text and its image: the gap as the mean of their differences, and what is left without it.

Everything comes from sums that stream and merge, so each figure is exact on every pair.
"""

from dataclasses import dataclass

import numpy as np

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Rows
from unicorn_assets.transfer.metrics import spectrum
from unicorn_assets.transfer.metrics.distance import relative_gap
from unicorn_assets.transfer.metrics.shape import Spread
from unicorn_assets.transfer.rows import Doubles, norm


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Figures of pairs (x_i, y_i) with the differences D_i = x_i - y_i. None where there is no difference to divide by.

    Args:
        paired_distance: L2I, mean |D_i|.
        paired_cosine: mean cosine of x_i and y_i.
        relative_gap: RMG over the pairs (`distance.relative_gap`).
        energy_ratio: rho = |mean D|^2 / mean |D_i|^2, the share of the gap's energy that a shift can take away.
        gap_cosine: mean cosine of D_i and mean D.
        residual_energy: mean |D_i - mean D|^2, the trace of Sigma_r = Cov(x - y).
        residual_anisotropy: A_r of Sigma_r (`spectrum.anisotropy_ratio`).
        residual_dimension: d_eff of Sigma_r in shares of d.
        residual_first: share of Sigma_r's variance along its first axis.
        residual_ten: the same along the first ten.
    """

    paired_distance: float
    paired_cosine: float
    relative_gap: float
    energy_ratio: float | None
    gap_cosine: float | None
    residual_energy: float
    residual_anisotropy: float | None
    residual_dimension: float | None
    residual_first: float
    residual_ten: float


class Pairs:
    """Sums over pairs of rows, mergeable in any order.

    Args:
        dimension: length of a row.
    """

    def __init__(self, dimension: int) -> None:
        self._differences = Spread(dimension)
        self._distance = 0.0
        self._cosine = 0.0

    def add(self, one: Rows, other: Rows) -> None:
        """Takes in pairs, (n, dimension) each, that were found fit for use (`Spread.add`).

        Raises:
            TransferError: the numbers of rows or the dimensions differ.
        """
        if one.shape != other.shape:
            raise TransferError(
                f"Pairs were asked for, but {one.shape} rows meet {other.shape}.",
                "give each text its own image, in the same order, or ask for no pairs.",
            )
        first, second = one.astype(np.float64, copy=False), other.astype(np.float64, copy=False)
        differences = first - second
        self._differences.take(differences)
        self._distance += float(norm(differences).sum())
        self._cosine += float(cosines(first, second).sum())

    def merge(self, other: "Pairs") -> None:
        """Takes in what another instance gathered.

        Raises:
            TransferError: the dimensions differ.
        """
        self._differences.merge(other._differences)
        self._distance += other._distance
        self._cosine += other._cosine

    @property
    def mean_cosine(self) -> float:
        """Mean cosine over the pairs; of a text and its own transfer it is Phi (arXiv 2605.07825).

        Raises:
            TransferError: there are no pairs.
        """
        if not self._differences.count:
            raise TransferError("There are no pairs to measure.", "give embeddings.")
        return self._cosine / self._differences.count

    def figures(self, within_one: float, within_other: float) -> PairFigures:
        """The figures, given the mean cosine between two rows of each set (`Shape.mean_cosine`).

        Raises:
            TransferError: there are fewer than 2 pairs.
        """
        gap = self._differences.shape()
        length = float(np.linalg.norm(gap.mean))
        energy = length**2 + gap.trace
        dimension = spectrum.effective_dimension(gap.values)
        parts = spectrum.shares(gap.values)
        return PairFigures(
            paired_distance=self._distance / gap.count,
            paired_cosine=self.mean_cosine,
            relative_gap=relative_gap(self.mean_cosine, within_one, within_other),
            energy_ratio=length**2 / energy if energy > 0 else None,
            gap_cosine=float(gap.direction @ gap.mean) / length if length > 0 else None,
            residual_energy=gap.trace,
            residual_anisotropy=spectrum.anisotropy_ratio(gap.values),
            residual_dimension=None if dimension is None else dimension / gap.dimension,
            residual_first=parts[0],
            residual_ten=sum(parts[:10]),
        )


def cosines(one: Doubles, other: Doubles) -> Doubles:
    """Cosine of each row with its partner, (n,); no row may be zero."""
    products: Doubles = np.einsum("ij,ij->i", one, other)
    return products / (norm(one) * norm(other))
