"""Sets of embeddings that the tests of the metrics share."""

import numpy as np

from unicorn_assets.transfer.metrics.shape import Spread


def units(count, width=8, seed=0, mean=0.3, power=0.5):
    """Unit rows around one side of the origin, with a spectrum that falls."""
    rows = np.random.default_rng(seed).normal(size=(count, width)) * np.arange(1.0, width + 1) ** -power
    rows[:, 0] += mean
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rotation(width, seed=0):
    """A rotation, (width, width)."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]


def normalised(rows):
    """Each row over its norm."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def shape_of(rows, *, unit=True):
    """Centre and covariance of rows, (n, width)."""
    spread = Spread(rows.shape[-1])
    spread.add(rows, unit=unit)
    return spread.shape()
