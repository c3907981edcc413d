"""ReAlign's transfer in its published form, "trace": anchor, scale, centre again (arXiv 2602.07026).

1. mu_y, mu_x, T_y = E|e_y - mu_y|^2, T_x likewise, over unpaired texts y and images x; s = sqrt(T_x / (T_y + eps)).
2. e' = Norm(mu_x + s (e_y - mu_y)).
3. mu' = E[e'] over the texts; e'' = Norm(e' - mu' + mu_x).

Two passes over the texts: mu' is the mean of what the first pass makes of them. Images stay as they are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Carried, ImageRule, Rows, carried
from unicorn_assets.transfer.none import unchanged
from unicorn_assets.transfer.restoring import positive, restored
from unicorn_assets.transfer.rows import Doubles, check, directions, emptied
from unicorn_assets.transfer.statistics import Moments

EPSILON = 1e-10
"""The authors' own, against texts without any variance."""


@dataclass(frozen=True, eq=False, slots=True)
class Anchor:
    """Steps 1 and 2: a method not yet finished.

    Args:
        mean: mu_y, (dimension,) float64.
        image_mean: mu_x, (dimension,) float64.
        scale: s.
    """

    mean: Doubles
    image_mean: Doubles
    scale: float

    @classmethod
    def fit(cls, texts: Moments, images: Moments) -> Self:
        """The first pass.

        Raises:
            TransferError: one of them saw fewer than 2, or the images are all alike.
        """
        if images.trace() <= 0:
            raise TransferError("All images have the same embedding.", "give images that differ.")
        scale = math.sqrt(images.trace() / (texts.trace() + EPSILON))
        return cls(texts.mean(), images.mean(), scale)

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return len(self.mean)

    def step(self, rows: Rows, first: int = 0) -> Doubles:
        """Gives e' of unit rows, (n, dimension) float64; zero where a row is lost.

        Raises:
            TransferError: a row is not fit for use (`rows.check`).
        """
        shifted = check(rows, self.dimension, first)
        shifted *= self.scale
        shifted += self.image_mean - self.scale * self.mean
        return directions(shifted)

    def finish(self, stepped: Moments) -> "Realign":
        """The method, once `stepped` has seen e' of the texts.

        Raises:
            TransferError: it saw fewer than 2.
        """
        return Realign(self, stepped.mean())


@dataclass(frozen=True, eq=False, slots=True)
class Realign:
    """Brings texts to the images' mean and to their spread.

    Args:
        anchor: steps 1 and 2.
        centre: mu', (dimension,) float64.
    """

    name: ClassVar[str] = "realign"
    anchor: Anchor
    centre: Doubles

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self.anchor.dimension

    @property
    def parameters(self) -> dict[str, Any]:
        """The scale."""
        return {"scale": self.anchor.scale}

    @property
    def tensors(self) -> dict[str, Doubles]:
        """The three means."""
        return {"mean": self.anchor.mean, "image_mean": self.anchor.image_mean, "centre": self.centre}

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Doubles]) -> Self:
        """The transfer again from its parameters and tensors.

        Raises:
            TransferError: they are not those of ReAlign.
        """
        shapes = {"mean": "d", "image_mean": "d", "centre": "d"}
        restored("ReAlign", parameters, {"scale": positive}, tensors, shapes)
        return cls(Anchor(tensors["mean"], tensors["image_mean"], parameters["scale"]), tensors["centre"])

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """Carries unit rows (n, dimension) over.

        Raises:
            TransferError: a row is not fit for use (`rows.check`); names it, counted from `first`.
        """
        return recentred(self.anchor.step(rows, first), self.anchor.image_mean - self.centre)

    def image_rule(self) -> ImageRule:
        """Images stay as they are."""
        return unchanged(self.dimension)


def recentred(stepped: Doubles, shift: Doubles) -> Carried:
    """Step 3 on e', which it may overwrite: Norm(e' + shift), shift = mu_x - mu'; a row lost before stays lost."""
    lost = emptied(stepped)
    stepped += shift
    stepped[lost] = 0.0
    return carried(stepped)
