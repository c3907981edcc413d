"""How far a transfer moved the texts' centroid: four figures to show beside it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unicorn_assets.transfer.base import Method, Rows
from unicorn_assets.transfer.rows import norm
from unicorn_assets.transfer.statistics import Moments


@dataclass(frozen=True, slots=True)
class GapFigures:
    """Figures of a set of embeddings before and after a transfer; rows that were lost in it count in neither.

    `cosine` is the mean cosine to the centroid that the rows had before: before, it says how narrow their cone is
    (for unit rows it equals the centroid's norm); after, how much of the common direction is left.
    """

    rows: int
    lost: int
    centroid_norm_before: float
    centroid_norm_after: float
    cosine_before: float
    cosine_after: float


def gap_figures(chunks: Iterable[Rows], method: Method) -> GapFigures:
    """Measures a fitted method on embeddings, (n, dimension) a chunk, in one pass.

    Raises:
        TransferError: a row is not fit for use, or fewer than 2 are left.
    """
    before, after, directions = (Moments(method.dimension) for _ in range(3))
    seen = 0
    for chunk in chunks:
        vectors, lost = method.apply(chunk, seen)
        kept = vectors[~lost].astype(np.float64)
        before.add(chunk[~lost])
        after.add(kept, unit=False)
        directions.add(kept / norm(kept)[:, None])
        seen += len(chunk)
    centroid = before.mean()
    length = float(np.linalg.norm(centroid))
    axis = centroid / length if length else centroid
    return GapFigures(
        rows=before.count,
        lost=seen - before.count,
        centroid_norm_before=length,
        centroid_norm_after=float(np.linalg.norm(after.mean())),
        cosine_before=length,
        cosine_after=float(directions.mean() @ axis),
    )
