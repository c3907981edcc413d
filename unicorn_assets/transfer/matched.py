"""Our own transfer: Gaussian optimal transport onto the images from the texts that match them, v = Norm(A u + b).

Texts and images that nobody paired speak of different things, so moving all of one onto all of the other moves meaning
as well. Here only the texts that have an image count:
1. Shift: A = I, b = mean(X) - mean(U).
2. Each image x takes the text that is nearest under the present map, after both sides are centred on mean(X): the
   largest cos(x, u) - h(u), where h(u) is half of u's mean cosine to its 10 nearest images. Without h a few texts that
   are near to everything, hubs, would be taken by many images (CSLS of Conneau et al., 2018, has the same penalty).
3. Mean and covariance of the texts taken, each as often as it was taken; A is the symmetric optimal transport between
   the Gaussians (`gaussian.transport`), both covariances shrunk by 1%, and b moves the mean of the texts taken onto
   that of the images. Steps 2 and 3 three times.

Images stay as they are. The counts 10 and 3, the half and the 1% are our choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Carried, ImageRule, Rows, carried
from unicorn_assets.transfer.gaussian import product, shrunk, transport
from unicorn_assets.transfer.none import unchanged
from unicorn_assets.transfer.restoring import positive, restored, whole
from unicorn_assets.transfer.rows import Doubles, check, directions
from unicorn_assets.transfer.statistics import LEAST_VARIANCE, Covariance, enough_for_covariance

NEIGHBOURS = 10
"""Images that a text's hubness is taken over."""

_TEXTS_AT_A_TIME = 512


@dataclass(frozen=True, eq=False, slots=True)
class Matched:
    """One matrix and one offset.

    Args:
        mean: the mean of the texts that the fit saw, (dimension,) float64; only a measure of drift.
        matrix: A, (dimension, dimension) float64, symmetric.
        offset: b, (dimension,) float64.
        rounds: how often texts were matched.
        shrinkage: how far the covariances were drawn to a ball.
    """

    name: ClassVar[str] = "matched"
    mean: Doubles
    matrix: Doubles
    offset: Doubles
    rounds: int
    shrinkage: float

    @classmethod
    def fit(cls, texts: Rows, images: Rows, *, rounds: int = 3, shrinkage: float = 0.01) -> Self:
        """The transfer between two samples of unit rows, which nobody paired.

        Args:
            texts: (n, dimension).
            images: (m, dimension).
            rounds: how often to match, 1 or more.
            shrinkage: above 0, at most 1.

        Raises:
            TransferError: a row is not fit for use, a sample has no more rows than dimensions or only one text or
                image in it, all images are nearest to one text, or a number is out of range.
        """
        if rounds < 1 or not 0 < shrinkage <= 1:
            raise TransferError(
                f"{rounds} rounds with a shrinkage of {shrinkage}.", "take 1 round or more, and above 0 to 1."
            )
        dimension = images.shape[1]
        source, target = (enough_for_covariance(*side, dimension) for side in (("texts", texts), ("images", images)))
        goal, mean = shrunk(target.covariance(), shrinkage), target.mean()
        centred = directions(images - mean).astype(np.float32)
        matrix, offset = np.eye(dimension), mean - source.mean()
        for _ in range(rounds):
            placed = directions(texts.astype(np.float64) @ matrix + (offset - mean))
            taken = Covariance(dimension)
            taken.add(texts[nearest(centred, placed.astype(np.float32))])
            if taken.trace() < LEAST_VARIANCE:
                raise TransferError("One and the same text is nearest to every image.", "give more and other texts.")
            matrix = transport(shrunk(taken.covariance(), shrinkage), goal)
            offset = mean - matrix @ taken.mean()
        return cls(source.mean(), matrix, offset, rounds, shrinkage)

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return len(self.mean)

    @property
    def parameters(self) -> dict[str, Any]:
        """How it was fitted."""
        return {"rounds": self.rounds, "shrinkage": self.shrinkage}

    @property
    def tensors(self) -> dict[str, Doubles]:
        """The map, and the mean of the texts."""
        return {"mean": self.mean, "matrix": self.matrix, "offset": self.offset}

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Doubles]) -> Self:
        """The transfer again from its parameters and tensors.

        Raises:
            TransferError: they are not those of this method.
        """
        shapes = {"mean": "d", "matrix": "dd", "offset": "d"}
        restored("a matched transport", parameters, {"rounds": whole, "shrinkage": positive}, tensors, shapes)
        return cls(tensors["mean"], tensors["matrix"], tensors["offset"], parameters["rounds"], parameters["shrinkage"])

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """Carries unit rows (n, dimension) over.

        Raises:
            TransferError: a row is not fit for use (`rows.check`); names it, counted from `first`.
        """
        return carried(product(check(rows, self.dimension, first), self.matrix) + self.offset)

    def image_rule(self) -> ImageRule:
        """Images stay as they are."""
        return unchanged(self.dimension)


def nearest(images: NDArray[np.float32], texts: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each image the number of its text (step 2), (m,); the first where several are equally near.

    Args:
        images: centred unit rows, (m, dimension).
        texts: the same, (n, dimension).
    """
    best = np.full(len(images), -np.inf, np.float32)
    found = np.zeros(len(images), np.int64)
    everyone = np.arange(len(images))
    neighbours = min(NEIGHBOURS, len(images))
    for start in range(0, len(texts), _TEXTS_AT_A_TIME):
        cosines = texts[start : start + _TEXTS_AT_A_TIME] @ images.T
        top = np.partition(cosines, len(images) - neighbours, axis=1)[:, len(images) - neighbours :]
        cosines -= top.mean(axis=1, keepdims=True) / 2
        chosen = cosines.argmax(axis=0)
        score = cosines[chosen, everyone]
        better = score > best
        best[better], found[better] = score[better], chosen[better] + start
    return found
