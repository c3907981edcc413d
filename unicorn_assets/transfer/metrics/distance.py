"""Distances between two sets of embeddings as wholes, from their centres and covariances; no pairs are needed."""

import math
from typing import NamedTuple

import numpy as np

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.shape import Shape
from unicorn_assets.transfer.rows import Doubles


class Frechet(NamedTuple):
    """The Frechet distance of two Gaussians.

    Args:
        distance: the squared distance; 0 where the moments are alike.
        shrinkage: of the first and the second covariance, 0 <= shrinkage <= 1; 0 where a set has more rows than
            dimensions.
    """

    distance: float
    shrinkage: tuple[float, float]


def centroid_distance(one: Shape, other: Shape) -> float:
    """L2M = |mean x - mean y| (Liang et al. 2022, "Mind the Gap").

    Raises:
        TransferError: the dimensions differ.
    """
    _same(one, other)
    return float(np.linalg.norm(one.mean - other.mean))


def centroid_chance(one: Shape, other: Shape) -> float:
    """What `centroid_distance` would be by chance, were both drawn from one distribution: root of tr/n + tr/m.

    A distance below it says nothing.
    """
    return math.sqrt(one.trace / one.count + other.trace / other.count)


def trace_ratio(one: Shape, other: Shape) -> float | None:
    """Total variance of the first over that of the second; None where the second has none (ReAlign's T_y / T_x)."""
    return one.trace / other.trace if other.trace > 0 else None


def covariance_difference(one: Shape, other: Shape) -> float:
    """G_Sigma = |Sigma_x - Sigma_y| in the Frobenius norm (arXiv 2605.07825 names no norm; this is our choice).

    Raises:
        TransferError: the dimensions differ.
    """
    _same(one, other)
    return float(np.linalg.norm(one.covariance - other.covariance))


def cross_cosine(one: Shape, other: Shape) -> float:
    """Mean cosine between a row of one set and a row of the other, over all of them.

    Raises:
        TransferError: the dimensions differ.
    """
    _same(one, other)
    return float(one.direction @ other.direction)


def relative_gap(across: float, within_one: float, within_other: float) -> float:
    """RMG = m / (m + (s_x + s_y)/2), each a mean of (1 - cosine)/2 (Eslami and de Melo 2025, "Mitigate the Gap").

    Free of scale: 0 where x and y are the same, 1/2 where a row is as far from its partner as from its own kind.

    Args:
        across: mean cosine between the two sets: over pairs, as in the paper, or over all rows (`cross_cosine`).
        within_one: mean cosine between two rows of the first set.
        within_other: the same of the second.
    """
    gap, within = (1 - across) / 2, (2 - within_one - within_other) / 4
    return max(0.0, gap / (gap + within)) if gap + within > 0 else 0.0


def frechet(one: Shape, other: Shape) -> Frechet:
    """|mean x - mean y|^2 + tr(Sigma_x + Sigma_y - 2 (Sigma_x Sigma_y)^(1/2)) (Frechet 1957; FID, Heusel et al. 2017).

    Exact: the trace of the root is the sum of the singular values of Sigma_x^(1/2) Sigma_y^(1/2), whose roots come
    from symmetric eigen-decompositions. A covariance of no more rows than dimensions has axes without variance, which
    make the distance too large; it is shrunk towards a multiple of the identity (`shrinkage`), and the report says by
    how much. With few rows beyond that the distance is still too large, by about d/n of the variance: compare
    figures of the same numbers of rows.

    Raises:
        TransferError: the dimensions differ.
    """
    _same(one, other)
    first, second = shrinkage(one), shrinkage(other)
    left, right = _shrunk(one, first), _shrunk(other, second)
    product = np.sqrt(left)[:, None] * (one.axes.T @ other.axes) * np.sqrt(right)
    fidelity = float(np.linalg.svd(product, compute_uv=False).sum())
    distance = centroid_distance(one, other) ** 2 + float(left.sum() + right.sum()) - 2 * fidelity
    return Frechet(max(0.0, distance), (first, second))


def shrinkage(shape: Shape) -> float:
    """Weight of the identity in a covariance of no more rows than dimensions, else 0.

    The oracle approximating shrinkage (Chen et al. 2010, equation 23), which needs the traces alone.
    """
    count, dimension = shape.count, shape.dimension
    square, squares = shape.trace**2, float((shape.values**2).sum())
    spare = (count + 1 - 2 / dimension) * (squares - square / dimension)
    if count > dimension or square == 0:
        return 0.0
    return min(1.0, ((1 - 2 / dimension) * squares + square) / spare) if spare > 0 else 1.0


def _shrunk(shape: Shape, weight: float) -> Doubles:
    return (1 - weight) * shape.values + weight * shape.trace / shape.dimension


def _same(one: Shape, other: Shape) -> None:
    if one.dimension != other.dimension:
        raise TransferError(
            f"Embeddings of {one.dimension} dimensions meet embeddings of {other.dimension}.",
            "take both from the two towers of one encoder.",
        )
