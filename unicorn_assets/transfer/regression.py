"""Ridge regression of one set of vectors on another, which chooses its penalty itself."""

from dataclasses import dataclass

import numpy as np

from unicorn_assets.transfer.rows import Doubles

_PENALTIES = 10.0 ** np.arange(-10, 0.5, 0.5)
"""What is tried, as shares of the total variance of what is regressed on."""
_LEAST = 1e-100


@dataclass(frozen=True, eq=False, slots=True)
class Regression:
    """The affine map y = (x - source) W + target.

    Args:
        source: mean of the rows regressed on, (d,).
        target: mean of the rows regressed, (e,).
        matrix: W, (d, e).
        explained: share of the variance of the latter that it accounts for, where it was fitted.
        spread: square root of their variance over that of what the map makes of the former.
    """

    source: Doubles
    target: Doubles
    matrix: Doubles
    explained: float
    spread: float


def regress(x: Doubles, y: Doubles) -> Regression:
    """Regresses y on x, with the penalty of the least generalised cross-validation error.

    GCV = (RSS / n) / (1 - df / n)^2 (Golub, Heath and Wahba, 1979), RSS and degrees of freedom df for each penalty from
    one eigendecomposition of the covariance of x.

    Args:
        x: (n, d), n at least 3.
        y: (n, e), not all alike.
    """
    source, target = x.mean(axis=0), y.mean(axis=0)
    x, y = x - source, y - target
    values, axes = np.linalg.eigh(x.T @ x)
    values = values.clip(0)
    turned = axes.T @ (x.T @ y)
    power = (turned**2).sum(axis=1)
    total = float((y**2).sum())

    def error(penalty: float) -> float:
        fitted, freedom = _fitted(values, power, penalty), 1 + float((values / (values + penalty)).sum())
        rss = total - 2 * float((power / (values + penalty)).sum()) + fitted
        return rss / max(1 - freedom / len(x), 1e-9) ** 2

    penalty = min(_PENALTIES * max(float(values.sum()), _LEAST), key=error)
    fitted = _fitted(values, power, penalty)
    rest = total - 2 * float((power / (values + penalty)).sum()) + fitted
    matrix: Doubles = axes @ (turned / (values + penalty)[:, None])
    return Regression(source, target, matrix, 1 - rest / total, float(np.sqrt(total / max(fitted, _LEAST))))


def _fitted(values: Doubles, power: Doubles, penalty: float) -> float:
    """Sum of squares of what the map makes of x."""
    return float((values * power / (values + penalty) ** 2).sum())
