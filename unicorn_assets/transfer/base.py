"""The contract of a method that carries text embeddings over into image space."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.transfer.rows import LEAST_NORM, Doubles, norm
from unicorn_assets.transfer.statistics import Moments

Rows = NDArray[Any]
"""Embeddings of any float type, (n, dimension)."""


class Carried(NamedTuple):
    """Embeddings after a transfer.

    Args:
        vectors: (n, dimension) float32, a row for each that went in.
        lost: (n,), true where nothing was left of a row but rounding; its vector is zero. The caller rejects it.
    """

    vectors: NDArray[np.float32]
    lost: NDArray[np.bool_]


def carried(shifted: Doubles, *, renormalise: bool = True) -> Carried:
    """What a method hands back for rows it has shifted, (n, dimension), which it may overwrite here.

    Args:
        shifted: the rows; one shorter than LEAST_NORM is lost.
        renormalise: whether each is divided by its norm.
    """
    norms = norm(shifted)
    lost = norms < LEAST_NORM
    if renormalise:
        shifted /= np.where(lost, 1.0, norms)[:, None]
    shifted[lost] = 0.0
    return Carried(shifted.astype(np.float32), lost)


class Method(Protocol):
    """A fitted method: pure, and the same for a row whatever stands beside it."""

    name: ClassVar[str]

    @property
    def dimension(self) -> int:
        """Length of an embedding."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What was chosen, as JSON values."""

    @property
    def tensors(self) -> dict[str, Doubles]:
        """What was fitted, by name."""

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Doubles]) -> Self:
        """The method again from its parameters and tensors.

        Raises:
            TransferError: they do not make this method.
        """

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """Carries unit rows over.

        Args:
            rows: (n, dimension).
            first: the number of the first row, for errors.
            ids: the rows' ids, n of them, for a method that draws something for each; without them the rows'
                numbers, counted from `first`, stand in for them.

        Raises:
            TransferError: a row is not fit for use (`rows.check`).
        """

    def image_rule(self) -> "ImageRule":
        """What to do with real images' embeddings."""


@dataclass(frozen=True, slots=True)
class ImageRule:
    """What to do with real images' embeddings, so that a model trained on carried-over texts can read them.

    Args:
        text: the rule in words, for the card.
        dimension: length of an embedding.
        own_mean: whether it takes the mean of a set of images; else they stay as they are, one image or many.
        fit: the rule as a method that carries images over, from the statistics of a set of them.
    """

    text: str
    dimension: int
    own_mean: bool
    fit: Callable[[Moments], Method]

    def carry(self, images: Rows, reference: Rows | None = None) -> Carried:
        """The images, unit rows (n, dimension), as such a model reads them.

        Args:
            images: the images.
            reference: the set that a mean is taken of, unit rows (m, dimension); by default the images themselves.

        Raises:
            TransferError: a row is not fit for use (`rows.check`), or a mean is to be taken of fewer than 2.
        """
        seen = Moments(self.dimension)
        if self.own_mean:
            seen.add(images if reference is None else reference)
        return self.fit(seen).apply(images)
