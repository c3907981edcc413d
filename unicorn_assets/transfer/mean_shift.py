"""Unicorn's transfer: v = Norm(u - mean(U)), the text embedding less the mean of all of them (Unicorn v2, section 3.3).

The authors' code leaves the Norm out; `renormalise` says which of the two is meant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from unicorn_assets.transfer.base import Carried, ImageRule, Rows, carried
from unicorn_assets.transfer.restoring import flag, restored
from unicorn_assets.transfer.rows import Doubles, check
from unicorn_assets.transfer.statistics import Moments


@dataclass(frozen=True, eq=False, slots=True)
class MeanShift:
    """Subtracts a mean and, in the paper's form, renormalises.

    Args:
        mean: the mean of the text embeddings, (dimension,) float64.
        renormalise: true as in the paper's equation, false as in its code.
    """

    name: ClassVar[str] = "mean_shift"
    mean: Doubles
    renormalise: bool = True

    @classmethod
    def fit(cls, moments: Moments, *, renormalise: bool = True) -> Self:
        """The transfer for the embeddings that `moments` saw.

        Raises:
            TransferError: it saw fewer than 2.
        """
        return cls(moments.mean(), renormalise)

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return len(self.mean)

    @property
    def parameters(self) -> dict[str, Any]:
        """Whether rows are renormalised."""
        return {"renormalise": self.renormalise}

    @property
    def tensors(self) -> dict[str, Doubles]:
        """The mean."""
        return {"mean": self.mean}

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Doubles]) -> Self:
        """The transfer again from its parameters and tensors.

        Raises:
            TransferError: they are not those of a mean shift.
        """
        restored("a mean shift", parameters, {"renormalise": flag}, tensors, {"mean": "d"})
        return cls(tensors["mean"], parameters["renormalise"])

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """Carries unit rows (n, dimension) over; computed in float64, a row's result does not depend on its chunk.

        Raises:
            TransferError: a row is not fit for use (`rows.check`); names it, counted from `first`.
        """
        shifted = check(rows, self.dimension, first)
        shifted -= self.mean
        return carried(shifted, renormalise=self.renormalise)

    def image_rule(self) -> ImageRule:
        """The paper's inference: subtract the mean of the images' own embeddings, so a set of them is needed."""
        then = ", then divide each by its norm" if self.renormalise else ", without normalising again"
        return ImageRule(
            f"Normalise the image embeddings, subtract the mean of the whole set of them{then}. The mean is the "
            "images' own, not the texts'; take it over many images of the kind that the model will see.",
            self.dimension,
            own_mean=True,
            fit=lambda seen: MeanShift.fit(seen, renormalise=self.renormalise),
        )
