"""Figures of a spectrum: how many directions a set of embeddings fills, and how alike two sets' spectra are.

Each takes eigenvalues of a covariance, largest first, (dimension,); None where there is no variance to speak of.
"""

import math

import numpy as np

from unicorn_assets.transfer.metrics.shape import Shape
from unicorn_assets.transfer.rows import Doubles

HEAD = 0.95
"""Share of the variance over whose ranks an exponent is fitted, so that noise in the tail does not bend the line."""

AXES = 128
"""Principal axes whose overlap is taken (AnisoAlign, arXiv 2605.07825, diagnostics)."""

_LEAST_POINTS = 3
_FLAT = 1e-12
"""Root mean square of the logarithms of a spectrum that is flat but for rounding."""


def shares(values: Doubles) -> tuple[float, ...]:
    """The spectrum: the share of the variance along each axis, lambda_j / tr."""
    total = float(values.sum())
    return tuple((values / total).tolist()) if total > 0 else (0.0,) * len(values)


def anisotropy_ratio(values: Doubles) -> float | None:
    """A_r = lambda_max / (tr / d): how much longer the longest axis is than the mean one (arXiv 2605.07825)."""
    total = float(values.sum())
    return float(values[0]) * len(values) / total if total > 0 else None


def effective_dimension(values: Doubles) -> float | None:
    """d_eff = tr^2 / tr(Sigma^2), the participation ratio: d where all axes are alike, 1 where one has everything."""
    squares = float((values**2).sum())
    return float(values.sum()) ** 2 / squares if squares > 0 else None


def effective_rank(values: Doubles) -> float | None:
    """Exp of the entropy of the shares (Roy and Vetterli 2007), taken on the covariance's eigenvalues.

    ReAlign (arXiv 2602.07026) does not say whether it takes those or their roots; this is our choice.
    """
    positive = values[values > 0]
    if not positive.size:
        return None
    part = positive / positive.sum()
    return math.exp(-float((part * np.log(part)).sum()))


def exponent(values: Doubles) -> float | None:
    """Alpha of lambda_j ~ j^-alpha: less the slope of log lambda_j on log j, by least squares.

    Over the ranks that hold the first `HEAD` of the variance; the papers do not say over which, so it is our choice.
    None where those are fewer than three.
    """
    total = float(values.sum())
    if total <= 0:
        return None
    head = int(np.searchsorted(np.cumsum(values) / total, HEAD)) + 1
    levels = values[: min(head, int((values > 0).sum()))]
    if len(levels) < _LEAST_POINTS:
        return None
    ranks = np.log(np.arange(1, len(levels) + 1))
    ranks -= ranks.mean()
    return -float(ranks @ np.log(levels)) / float(ranks @ ranks)


def spectrum_correlation(one: Doubles, other: Doubles) -> float | None:
    """C_lambda: Pearson correlation of log lambda_j, over the ranks where neither is zero (arXiv 2605.07825).

    None where those are fewer than three, or where a spectrum is flat.
    """
    both = (one > 0) & (other > 0)
    if both.sum() < _LEAST_POINTS:
        return None
    first, second = (logs - logs.mean() for logs in (np.log(one[both]), np.log(other[both])))
    if min(first.std(), second.std()) < _FLAT:
        return None
    return float(first @ second) / math.sqrt(float(first @ first) * float(second @ second))


def subspace_overlap(one: Shape, other: Shape, axes: int = AXES) -> float | None:
    """O_q = |U'V|^2 / q of the first q principal axes of two sets: 1 for one subspace, q/d for random ones.

    Takes fewer than `axes` where a set does not have as many (`axes_in_both`). It is well defined only where
    eigenvalue q differs from the next.
    """
    number = axes_in_both(one, other, axes)
    if not number:
        return None
    return float(((one.axes[:, :number].T @ other.axes[:, :number]) ** 2).sum()) / number


def axes_in_both(one: Shape, other: Shape, axes: int = AXES) -> int:
    """The q of `subspace_overlap`: at most `axes`, and at most the rank of either covariance."""
    return min(axes, int((one.values > 0).sum()), int((other.values > 0).sum()))
