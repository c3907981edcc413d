"""A synthetic far gap on the world's own embeddings: one that a shift explains little of, as between real encoders.

For LLM2CLIP a shift explains 0.11 of the gap's energy (Unicorn v2); for the world's towers `unicorn proof` measures
0.82, and 0.10 here. Images are taken to where the texts are, but for OFFSET, and turned:
x' = Norm(mean(T) + OFFSET e + SPREAD R (x - mean(X))), with a direction e and a rotation R by ANGLE in random planes.
It is one choice among many: real gaps need not be rotations.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

ANGLE = np.radians(65)
OFFSET = 0.3
SPREAD = 1.5

Vectors = NDArray[np.float32]


class FarGap:
    """What takes image embeddings far from their texts.

    Args:
        centre: mean of the images, (dimension,).
        goal: where it goes, (dimension,).
        turn: SPREAD R, (dimension, dimension).
    """

    def __init__(self, centre: Vectors, goal: NDArray[np.float64], turn: NDArray[np.float64]) -> None:
        self._centre, self._goal, self._turn = centre, goal, turn

    @classmethod
    def drawn(cls, chance: np.random.Generator, texts: Vectors, images: Vectors) -> Self:
        """A gap by chance between sets of embeddings, (n, dimension) each, of an even dimension."""
        dimension = images.shape[1]
        axes = np.linalg.qr(chance.standard_normal((dimension, dimension)))[0]
        plane = [[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]]
        turn = axes @ np.kron(np.eye(dimension // 2), plane) @ axes.T
        away = chance.standard_normal(dimension)
        goal = texts.mean(axis=0) + OFFSET * away / np.linalg.norm(away)
        return cls(images.mean(axis=0), goal, SPREAD * turn)

    def apply(self, images: Vectors) -> Vectors:
        """Embeddings (n, dimension) beyond the gap, of unit norm."""
        return unit((images - self._centre) @ self._turn.T + self._goal)


def unit(rows: NDArray[np.float64]) -> Vectors:
    """Rows, (n, dimension), divided by their norms."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def shift_share(texts: Vectors, images: Vectors) -> float:
    """How much of the gap's energy a shift explains: |mean(x - y)|^2 / mean |x - y|^2 over pairs (Unicorn v2)."""
    gaps = images.astype(np.float64) - texts
    return float((gaps.mean(axis=0) ** 2).sum() / (gaps**2).sum(axis=1).mean())
