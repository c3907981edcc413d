"""Whether texts still lie around the mean that a transfer was fitted with."""

from dataclasses import asdict, dataclass

import numpy as np

from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.statistics import Moments


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a set of texts has moved, in shares of its own variance.

    Args:
        share: squared distance of the set's mean from the fitted mean, over the set's total variance (with n - 1, so
            that it is right on average for sets of any size).
        expected_share: what that would be by chance, with both means drawn from one distribution: 1/n + 1/fitted n.
    """

    share: float
    expected_share: float

    def figures(self) -> dict[str, float]:
        """The figures, rounded for display."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def drift(transfer: FittedTransfer, texts: Moments) -> Drift | None:
    """The drift of a set of texts; None where the method has no mean of texts, or the set has no variance."""
    mean = transfer.method.tensors.get("mean")
    if mean is None or texts.count < 2 or texts.trace() <= 0:
        return None
    distance = float(np.sum((texts.mean() - mean) ** 2))
    variance = texts.trace() * texts.count / (texts.count - 1)
    return Drift(distance / variance, 1 / texts.count + 1 / transfer.sample)
