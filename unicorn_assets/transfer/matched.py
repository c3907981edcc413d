"""Our own transfer: regression of images on the texts that they were matched with, v = Norm(A u + b).

Nobody paired texts and images, so pairs are guessed, and the map that they teach makes the next guess a better one:
1. Shift: A = I, b = mean(X) - mean(U).
2. Each text u takes the image x that is nearest under the present map, after both sides are centred on mean(X): the
   largest cos(x, A u + b) - h(x), where h(x) is half of x's mean cosine to its 10 nearest texts. Without h a few images
   that are near to everything, hubs, would be taken by many texts (CSLS of Conneau et al., 2018, has the same penalty).
3. Of these pairs the share `kept` with the largest values: texts and images speak of different things in different
   shares, and a text that no image shows takes any.
4. Ridge regression of those images on those texts (`regression`). Wrong guesses draw it to the mean; so A is scaled,
   and b with it, until what it makes of the texts has the images' total variance.
Steps 2 to 4 `rounds` times at the most, and no further than to the round after which the pairs that count are nearer by
less than a sixteenth of what they lacked (in the mean of their cosines): from there on the map follows the guesses
rather than the other way round, the further the less is common to what texts and images speak of.

It is the trimmed iterative closest point algorithm (Chetverikov et al., 2002) with an affine map in the place of a
rigid one, as bilingual lexicons are learnt (Artetxe et al., 2018). Images stay as they are. The count 10, the half, the
sixteenth, `kept` and the scale are our choice (docs/proof/README.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Carried, ImageRule, Rows, carried
from unicorn_assets.transfer.none import unchanged
from unicorn_assets.transfer.products import product
from unicorn_assets.transfer.regression import regress
from unicorn_assets.transfer.restoring import restored, share, whole
from unicorn_assets.transfer.rows import Doubles, check, directions
from unicorn_assets.transfer.statistics import LEAST_VARIANCE, enough_for_covariance

NEIGHBOURS = 10
"""Texts that an image's hubness is taken over."""
GAIN = 1 / 16
"""Share of what lacks to a mean cosine of 1 that a round is to bring."""

_IMAGES_AT_A_TIME = 512


@dataclass(frozen=True, eq=False, slots=True)
class Matched:
    """One matrix and one offset.

    Args:
        mean: the mean of the texts that the fit saw, (dimension,) float64; only a measure of drift.
        matrix: A, (dimension, dimension) float64; a row is multiplied from its left.
        offset: b, (dimension,) float64.
        rounds: how often texts were matched.
        kept: share of the pairs that counted.
        explained: share of the images' variance that the last regression accounted for.
    """

    name: ClassVar[str] = "matched"
    mean: Doubles
    matrix: Doubles
    offset: Doubles
    rounds: int
    kept: float
    explained: float

    @classmethod
    def fit(
        cls,
        texts: Rows,
        images: Rows,
        *,
        rounds: int = 10,
        kept: float = 0.6,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Self:
        """The transfer between two samples of unit rows, which nobody paired.

        Args:
            texts: (n, dimension).
            images: (m, dimension).
            rounds: how often to match at the most, 1 or more.
            kept: share of the pairs that count, above 0, at most 1; there are always more than dimensions.
            progress: told of each round that is done.

        Raises:
            TransferError: a row is not fit for use, a sample has no more rows than dimensions or only one text or
                image in it, all texts are nearest to one image, or a number is out of range.
        """
        if rounds < 1 or not 0 < kept <= 1:
            raise TransferError(
                f"{rounds} rounds that keep {kept} of the pairs.", "take 1 round or more, and keep above 0 to 1."
            )
        dimension = images.shape[1]
        source, target = (enough_for_covariance(*side, dimension) for side in (("texts", texts), ("images", images)))
        count = max(dimension + 1, ceil(kept * len(texts)))
        rows = texts.astype(np.float64)
        pairs = _Pairs.guessed(rows + (target.mean() - source.mean()), images, target.mean(), count)
        done = 0
        while done < rounds:
            learnt = regress(rows[pairs.texts], _differing(images[pairs.images].astype(np.float64)))
            matrix = learnt.matrix * learnt.spread
            offset = learnt.target - learnt.source @ matrix
            before, pairs = pairs, _Pairs.guessed(rows @ matrix + offset, images, target.mean(), count)
            if done and pairs.near - before.near < GAIN * (1 - before.near):
                break
            found = cls(source.mean(), matrix, offset, done + 1, kept, round(learnt.explained, 6))
            done += 1
            progress(done)
        return found

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return len(self.mean)

    @property
    def parameters(self) -> dict[str, Any]:
        """How it was fitted."""
        return {"rounds": self.rounds, "kept": self.kept, "explained": self.explained}

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
        wanted = {"rounds": whole, "kept": share, "explained": share}
        restored("a matched transfer", parameters, wanted, tensors, shapes)
        return cls(tensors["mean"], tensors["matrix"], tensors["offset"], **parameters)

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """Carries unit rows (n, dimension) over.

        Raises:
            TransferError: a row is not fit for use (`rows.check`); names it, counted from `first`.
        """
        return carried(product(check(rows, self.dimension, first), self.matrix) + self.offset)

    def image_rule(self) -> ImageRule:
        """Images stay as they are."""
        return unchanged(self.dimension)


@dataclass(frozen=True, eq=False, slots=True)
class _Pairs:
    """The pairs that count: numbers of texts in their order and of their images, and the mean cosine of both."""

    texts: NDArray[np.int64]
    images: NDArray[np.int64]
    near: float

    @classmethod
    def guessed(cls, placed: Doubles, images: Rows, mean: Doubles, count: int) -> "_Pairs":
        """Steps 2 and 3.

        Args:
            placed: texts under the present map, (n, dimension), of any norm.
            images: (m, dimension).
            mean: mean(X).
            count: how many pairs count.
        """
        around = directions(directions(placed) - mean).astype(np.float32)
        pictured = directions(images - mean).astype(np.float32)
        found, near = nearest(around, pictured)
        surest = np.sort(np.argsort(-near, kind="stable")[:count])
        cosines = np.vecdot(around[surest], pictured[found[surest]])
        return cls(surest, found[surest], float(cosines.mean(dtype=np.float64)))


def _differing(images: Doubles) -> Doubles:
    if float(images.var(axis=0).sum()) < LEAST_VARIANCE:
        raise TransferError("One and the same image is nearest to the texts.", "give more and other images.")
    return images


def nearest(texts: NDArray[np.float32], images: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each text the number of its image (step 2), the first of equally near ones, and how near that is, both (n,).

    Args:
        texts: centred unit rows, (n, dimension).
        images: the same, (m, dimension).
    """
    best = np.full(len(texts), -np.inf, np.float32)
    found = np.zeros(len(texts), np.int64)
    everyone = np.arange(len(texts))
    neighbours = min(NEIGHBOURS, len(texts))
    for start in range(0, len(images), _IMAGES_AT_A_TIME):
        cosines = images[start : start + _IMAGES_AT_A_TIME] @ texts.T
        top = np.partition(cosines, len(texts) - neighbours, axis=1)[:, len(texts) - neighbours :]
        cosines -= top.mean(axis=1, keepdims=True) / 2
        chosen = cosines.argmax(axis=0)
        near = cosines[chosen, everyone]
        better = near > best
        best[better], found[better] = near[better], chosen[better] + start
    return found, best
