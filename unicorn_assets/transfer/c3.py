"""C3's transfer: v = Norm(u - mean(U) + noise), "connect, collapse, corrupt" (Zhang et al., ICLR 2024).

With images it is the form that the Unicorn group compares itself with: v = Norm(u - mean(U) + mean(X) + noise), real
images left as they are (arXiv 2602.07026). C3 publishes 0.1265 a dimension (a variance of 0.016), for 512 dimensions;
at 1280 that leaves a cosine of 1/sqrt(1 + 0.016 * 1280) = 0.22 to what it corrupts. So the noise may also be given as
the cosine that it shall leave, which means the same in every dimension.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Carried, ImageRule, Rows, carried
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.noise import noise
from unicorn_assets.transfer.none import unchanged
from unicorn_assets.transfer.restoring import maybe, positive, restored, whole
from unicorn_assets.transfer.rows import LEAST_NORM, Doubles, check, norm
from unicorn_assets.transfer.statistics import Moments

COSINE = 0.9
"""Our choice where neither is given: what the group's own C3 baseline leaves (0.899, arXiv 2605.07825)."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How much noise, in one of two ways, and which.

    Args:
        sigma: standard deviation in each dimension, the same for all rows, as C3 has it; or
        cosine: cosine that a row shall keep to itself without noise, 0 < cosine < 1: sigma is then its norm times
            sqrt((1/cosine**2 - 1) / dimension), and the cosine comes out within about 1/sqrt(2 * dimension) of it.
        seed: other seeds draw other noise.

    Raises:
        TransferError: both or neither are given, or one is out of range.
    """

    sigma: float | None = None
    cosine: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.sigma is None) == (self.cosine is None):
            raise TransferError("The noise is given both as sigma and as cosine, or as neither.", "give one of them.")
        if self.sigma is not None and not 0 < self.sigma < math.inf:
            raise TransferError(f"The noise has the sigma {self.sigma}.", "give a number above 0.")
        if self.cosine is not None and not 0 < self.cosine < 1:
            raise TransferError(f"The noise has the cosine {self.cosine}.", "give a number above 0 and below 1.")

    def sigmas(self, norms: Doubles, dimension: int) -> Doubles:
        """The standard deviation for rows of these norms, (n,)."""
        if self.cosine is None:
            return norms * 0 + (self.sigma or 0.0)
        return norms * math.sqrt((1 / self.cosine**2 - 1) / dimension)


def chosen_noise(sigma: float | None, cosine: float | None, seed: int) -> Noise:
    """The noise that somebody asked for; that of our choice where neither sigma nor cosine is given.

    Raises:
        TransferError: both are given, or one is out of range.
    """
    return Noise(sigma, COSINE if sigma is None and cosine is None else cosine, seed)


@dataclass(frozen=True, eq=False, slots=True)
class C3:
    """Shifts by the means, adds noise, renormalises.

    Args:
        mean: the mean of the text embeddings, (dimension,) float64.
        image_mean: the mean of the image embeddings, (dimension,) float64; None for the form without images.
        noise: how much of it.
    """

    name: ClassVar[str] = "c3"
    mean: Doubles
    image_mean: Doubles | None
    noise: Noise

    @classmethod
    def fit(cls, texts: Moments, images: Moments | None, noise: Noise) -> Self:
        """The transfer for the embeddings that `texts` and, where given, `images` saw.

        Raises:
            TransferError: one of them saw fewer than 2.
        """
        return cls(texts.mean(), images.mean() if images is not None else None, noise)

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return len(self.mean)

    @property
    def parameters(self) -> dict[str, Any]:
        """The noise."""
        return {"sigma": self.noise.sigma, "cosine": self.noise.cosine, "seed": self.noise.seed}

    @property
    def tensors(self) -> dict[str, Doubles]:
        """The means."""
        return {"mean": self.mean} | ({} if self.image_mean is None else {"image_mean": self.image_mean})

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Doubles]) -> Self:
        """The transfer again from its parameters and tensors.

        Raises:
            TransferError: they are not those of C3.
        """
        wanted = {"sigma": maybe(positive), "cosine": maybe(positive), "seed": whole}
        shapes = {"mean": "d"} | ({"image_mean": "d"} if "image_mean" in tensors else {})
        restored("C3", parameters, wanted, tensors, shapes)
        return cls(tensors["mean"], tensors.get("image_mean"), Noise(**parameters))

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """Carries unit rows (n, dimension) over; a row's noise follows from its id, else from its number.

        Raises:
            TransferError: a row is not fit for use (`rows.check`); names it, counted from `first`.
        """
        shifted = check(rows, self.dimension, first)
        shifted -= self.mean
        if self.image_mean is not None:
            shifted += self.image_mean
        norms = norm(shifted)
        names = [str(first + number) for number in range(len(shifted))] if ids is None else ids
        drawn = noise(names, self.dimension, self.noise.seed)
        drawn *= self.noise.sigmas(norms, self.dimension)[:, None]
        drawn += shifted
        drawn[norms < LEAST_NORM] = 0.0  # noise alone would be no embedding of anything
        return carried(drawn)

    def image_rule(self) -> ImageRule:
        """With images nothing is to be done; without, C3's own: subtract the mean of the images."""
        return MeanShift(self.mean).image_rule() if self.image_mean is None else unchanged(self.dimension)
