"""AnisoAlign's transfer as far as it is closed-form (arXiv 2605.07825): its stage II without the learned refinement.

1. Anchor: z = y - mean(Y) + mean(X).
2. Subspace U: the top-r eigenvectors of Cov(Y) + Cov(X) + lambda I. OUR choice: r is the least even number that holds
   90% of the eigenvalues' sum; lambda is 0, since it moves no eigenvector. V: the other eigenvectors.
3. Polar blocks: r/2 pairs of coordinates in U, each as radius sqrt(a^2 + b^2 + eps) and angle. The rotation R inside U
   is free in the paper. OUR choice: R = I, neighbours in the order of the eigenvalues are a pair; eps = 1e-12.
4. Radii: per block the quantile map F_X^-1 of F_Y, angles kept. OUR choice: 129 quantiles of a sample, straight lines
   between them, proportional beyond the last and down to 0.
5. V: each coordinate scaled about its mean to the images' standard deviation. OUR choice: variances get 1e-10 added.
6. Norm, then the centroid calibration of ReAlign: Norm(e' - mean(e') + mean(X)).

Left out: stage I (a score network of the images' phases) and the refinement network of stage II. Neither code nor
sizes, schedules, step sizes or weights of the losses are published, so whatever stood here would be another method
under that name. The paper's own ablation gives the initialisation alone 43.59 of the full method's 47.49.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Carried, ImageRule, Rows
from unicorn_assets.transfer.none import unchanged
from unicorn_assets.transfer.products import product
from unicorn_assets.transfer.realign import recentred
from unicorn_assets.transfer.restoring import restored
from unicorn_assets.transfer.rows import Doubles, check, directions, emptied
from unicorn_assets.transfer.statistics import Moments, enough_for_covariance

ENERGY = 0.9
QUANTILES = 129
RADIUS_EPSILON = 1e-12
VARIANCE_EPSILON = 1e-10


@dataclass(frozen=True, eq=False, slots=True)
class Blocks:
    """Steps 1 to 5 and the first Norm: a method not yet finished.

    Args:
        mean: mean(Y), (d,) float64.
        image_mean: mean(X), (d,) float64.
        axes: the eigenvectors as columns, by falling eigenvalue, (d, d) float64.
        radii: quantiles of the texts' radii, (r/2, QUANTILES) float64.
        image_radii: the same of the images.
        scales: of the coordinates in V, (d - r,) float64.
    """

    mean: Doubles
    image_mean: Doubles
    axes: Doubles
    radii: Doubles
    image_radii: Doubles
    scales: Doubles

    @classmethod
    def fit(cls, texts: Rows, images: Rows) -> Self:
        """Fits the steps to two samples of unit rows, (n, dimension) and (m, dimension), which nobody paired.

        Raises:
            TransferError: a row is not fit for use, or a sample has no more rows than dimensions or only one text or
                image in it.
        """
        dimension = images.shape[1]
        source, target = (enough_for_covariance(*side, dimension) for side in (("texts", texts), ("images", images)))
        axes, inside = subspace(source.covariance() + target.covariance())
        shift = target.mean() - source.mean()
        theirs, ours = (texts + shift) @ axes, images.astype(np.float64) @ axes
        variances = [side[:, inside:].var(axis=0) + VARIANCE_EPSILON for side in (theirs, ours)]
        knots = np.linspace(0, 1, QUANTILES)
        radii, image_radii = (np.quantile(polar(side[:, :inside]), knots, axis=0).T.copy() for side in (theirs, ours))
        return cls(source.mean(), target.mean(), axes, radii, image_radii, np.sqrt(variances[1] / variances[0]))

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return len(self.mean)

    @property
    def inside(self) -> int:
        """r, the dimension of U."""
        return 2 * len(self.radii)

    def step(self, rows: Rows, first: int = 0) -> Doubles:
        """Gives e' of unit rows, (n, dimension) float64; zero where a row is lost.

        Raises:
            TransferError: a row is not fit for use (`rows.check`).
        """
        anchored = check(rows, self.dimension, first)
        anchored += self.image_mean - self.mean
        placed = product(anchored, self.axes)
        inside = placed[:, : self.inside]
        radii = polar(inside)
        inside *= np.repeat(self._mapped(radii) / radii, 2, axis=1)
        middle = (self.image_mean @ self.axes)[self.inside :]
        placed[:, self.inside :] = (placed[:, self.inside :] - middle) * self.scales + middle
        return directions(product(placed, self.axes.T))

    def gather(self, rows: Rows, first: int, into: Moments) -> None:
        """Lets `into` see e' of unit rows, (n, dimension), without those that are lost.

        Raises:
            TransferError: a row is not fit for use (`rows.check`).
        """
        stepped = self.step(rows, first)
        lost = emptied(stepped)
        into.take(stepped[~lost] if lost.any() else stepped)

    def finish(self, stepped: Moments) -> "Aniso":
        """The method, once `stepped` has seen e' of the texts.

        Raises:
            TransferError: it saw fewer than 2.
        """
        return Aniso(self, stepped.mean())

    def _mapped(self, radii: Doubles) -> Doubles:
        mapped = np.empty_like(radii)
        for block, (source, target) in enumerate(zip(self.radii, self.image_radii, strict=True)):
            column = radii[:, block]
            inner = np.interp(column, np.concatenate([[0.0], source]), np.concatenate([[0.0], target]))
            mapped[:, block] = np.where(column > source[-1], column * (target[-1] / source[-1]), inner)
        return mapped


@dataclass(frozen=True, eq=False, slots=True)
class Aniso:
    """Matches radii in the plane of each block and spreads outside of them, then the centroid.

    Args:
        blocks: all steps but the last.
        centre: mean(e'), (dimension,) float64.
    """

    name: ClassVar[str] = "aniso"
    blocks: Blocks
    centre: Doubles

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self.blocks.dimension

    @property
    def parameters(self) -> dict[str, Any]:
        """None: all of it is in the tensors."""
        return {}

    @property
    def tensors(self) -> dict[str, Doubles]:
        """The means, the axes, the quantiles and the scales."""
        blocks = self.blocks
        names = ("mean", "image_mean", "axes", "radii", "image_radii", "scales")
        return {name: getattr(blocks, name) for name in names} | {"centre": self.centre}

    @classmethod
    def restore(cls, parameters: Mapping[str, Any], tensors: Mapping[str, Doubles]) -> Self:
        """The transfer again from its parameters and tensors.

        Raises:
            TransferError: they are not those of this method.
        """
        shapes = {"mean": "d", "image_mean": "d", "axes": "dd", "radii": "bq", "image_radii": "bq", "scales": "v"}
        restored("an anisotropic alignment", parameters, {}, tensors, shapes | {"centre": "d"})
        if 2 * len(tensors["radii"]) + len(tensors["scales"]) != len(tensors["mean"]):
            raise TransferError("The parameters are not those of an anisotropic alignment.", "fit it again.")
        rest = dict(tensors)
        centre = rest.pop("centre")
        return cls(Blocks(**rest), centre)

    def apply(self, rows: Rows, first: int = 0, ids: Sequence[str] | None = None) -> Carried:
        """Carries unit rows (n, dimension) over.

        Raises:
            TransferError: a row is not fit for use (`rows.check`); names it, counted from `first`.
        """
        return recentred(self.blocks.step(rows, first), self.blocks.image_mean - self.centre)

    def image_rule(self) -> ImageRule:
        """Images stay as they are."""
        return unchanged(self.dimension)


def subspace(joint: Doubles) -> tuple[Doubles, int]:
    """Eigenvectors as columns by falling eigenvalue, (d, d), and r (step 2); a vector's largest entry is positive."""
    values, axes = np.linalg.eigh(joint)
    values, axes = values[::-1].clip(0), axes[:, ::-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(axes))])
    held = int(np.searchsorted(np.cumsum(values), ENERGY * values.sum())) + 1
    return axes, min(held + held % 2, len(axes) - len(axes) % 2)


def polar(pairs: Doubles) -> Doubles:
    """The radii of neighbouring coordinates, (n, r) to (n, r/2)."""
    return np.sqrt(pairs[:, 0::2] ** 2 + pairs[:, 1::2] ** 2 + RADIUS_EPSILON)
