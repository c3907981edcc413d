"""No transfer: texts stand in for images as they are, the row "without alignment" of every comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from unicorn_assets.transfer.base import Carried, ImageRule, Rows
from unicorn_assets.transfer.restoring import positive, restored, whole
from unicorn_assets.transfer.rows import Doubles, check


@dataclass(frozen=True, slots=True)
class NoTransfer:
    """Leaves rows as they are, once they are found fit for use.

    Args:
        dimension: length of an embedding.
    """

    name: ClassVar[str] = "none"
    dimension: int

    @property
    def parameters(self) -> dict[str, Any]:
        """The dimension, which no tensor tells here."""
        return {"dimension": self.dimension}

    @property
    def tensors(self) -> dict[str, Doubles]:
        """None."""
        return {}

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Doubles]) -> Self:
        """The transfer again from its parameters.

        Raises:
            TransferError: they are not those of this method.
        """
        wanted = {"dimension": lambda value: whole(value) and positive(value)}
        restored("no transfer", parameters, wanted, tensors, {})
        return cls(parameters["dimension"])

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """The rows (n, dimension) in float32; none is ever lost.

        Raises:
            TransferError: a row is not fit for use (`rows.check`); names it, counted from `first`.
        """
        doubles = check(rows, self.dimension, first)
        return Carried(doubles.astype(np.float32), np.zeros(len(doubles), np.bool_))

    def image_rule(self) -> ImageRule:
        """Images stay as they are."""
        return unchanged(self.dimension)


def unchanged(dimension: int) -> ImageRule:
    """The rule of methods that bring the texts to where the images are: the images stay."""
    text = "Normalise the image embeddings and use them as they are, one image or many."
    return ImageRule(text, dimension, own_mean=False, fit=lambda seen: NoTransfer(dimension))
