"""Transport between two Gaussians, and products of which each row comes out the same whatever stands beside it."""

import numpy as np

from unicorn_assets.transfer.rows import Doubles

TILE_ROWS = 256
"""Rows of a product. Fixed: BLAS may add up in another order for another number of rows."""


def shrunk(covariance: Doubles, share: float) -> Doubles:
    """The covariance drawn to a ball of the same trace by `share` (Ledoit and Wolf, 2004, with a fixed weight)."""
    dimension = len(covariance)
    return (1 - share) * covariance + share * float(np.trace(covariance)) / dimension * np.eye(dimension)


def transport(source: Doubles, target: Doubles) -> Doubles:
    """The symmetric positive matrix A with A source A = target: optimal transport of centred Gaussians.

    A = S^(-1/2) (S^(1/2) T S^(1/2))^(1/2) S^(-1/2) for S = source, T = target (Peyre and Cuturi, Computational Optimal
    Transport, remark 2.31).

    Args:
        source: covariance, (d, d), of full rank.
        target: covariance, (d, d).
    """
    values, axes = np.linalg.eigh(source)
    roots = np.sqrt(values)
    half, inverse = (axes * roots) @ axes.T, (axes / roots) @ axes.T
    middle, turned = np.linalg.eigh(_symmetric(half @ target @ half))
    return _symmetric(inverse @ ((turned * np.sqrt(middle.clip(0))) @ turned.T) @ inverse)


def product(rows: Doubles, matrix: Doubles) -> Doubles:
    """Gives rows @ matrix in tiles of TILE_ROWS.

    In float64, where a row's result does not depend on its place in the tile either; in float32, where OpenBLAS takes
    half the time, it does.

    Args:
        rows: (n, d).
        matrix: (d, e).
    """
    out = np.empty((len(rows), matrix.shape[1]))
    tile = np.zeros((TILE_ROWS, matrix.shape[0]))
    for start in range(0, len(rows), TILE_ROWS):
        part = rows[start : start + TILE_ROWS]
        tile[: len(part)] = part
        out[start : start + len(part)] = (tile @ matrix)[: len(part)]
    return out


def _symmetric(matrix: Doubles) -> Doubles:
    return (matrix + matrix.T) / 2
