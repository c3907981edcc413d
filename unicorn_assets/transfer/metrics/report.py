"""The gap of a fitted transfer in one report: what it did to the texts, and how near it brought them to images.

Figures of sums are exact on every row. Those of pairs of rows and of neighbours cost n^2 and are taken on a pool of
rows drawn by hash; each carries its standard error, 0 where the pool holds every row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Rows
from unicorn_assets.transfer.metrics import cosines, distance, neighbours, spectrum
from unicorn_assets.transfer.metrics.figure import GROUPS, Figure
from unicorn_assets.transfer.metrics.pairs import Pairs
from unicorn_assets.transfer.metrics.pool import Pool
from unicorn_assets.transfer.metrics.results import Between, GapReport, Preservation, SetFigures
from unicorn_assets.transfer.metrics.shape import Shape, Spread
from unicorn_assets.transfer.metrics.streams import Source, chunks, together
from unicorn_assets.transfer.rows import Doubles

POOL = 2_000
"""Rows of a set for the figures that cost n^2: 20 MB a set at 1280 dimensions, and errors of one or two hundredths.

A whole report on three sets of 10,000 x 1280 took 7 s of one core; with twice the pool, 16 s.
"""

LEAST_POOL = 5 * GROUPS
"""Rows of the smallest pool, so that each group of the jackknife has a few."""


def report(
    before: Source,
    after: Source,
    images: Source | None = None,
    *,
    used: Source | None = None,
    paired: bool = False,
    k: int = neighbours.K,
    pool: int = POOL,
) -> GapReport:
    """Measures a transfer in one pass.

    Memory does not grow with the rows: at most six sums of dimension^2 numbers, four pools, and a block.

    Args:
        before: text embeddings of unit norm, (n, dimension), or chunks of them.
        after: the same rows after the transfer; those that it lost must be left out of both.
        images: image embeddings of unit norm, as many as there are.
        used: the images as they are to be used beside the carried-over texts (`base.ImageRule`), where that is not as
            they are; the texts after the transfer are measured against these.
        paired: whether image i belongs to text i; then there are figures of pairs, too.
        k: neighbours of a row; fewer where a set does not have as many other rows.
        pool: most rows of a set for the figures that cost n^2.

    Raises:
        TransferError: a row is not fit for use, the rows before and after (or of pairs) differ in number or
            dimension, or a set has fewer than 2 rows.
        ValueError: the pool is too small to know an error, k is less than 1, or what needs images has none.
    """
    if pool < LEAST_POOL or k < 1 or ((paired or used is not None) and images is None):
        raise ValueError(
            f"a pool of {LEAST_POOL} rows, a k of 1 and, for pairs and images as used, images are the least"
        )
    found = _gather(before, after, [one for one in (images, used) if one is not None], paired, pool)
    k = min([k, *(len(one.rows) - 1 for one in found.sets)])
    return GapReport(
        dimension=found.texts.shape.dimension,
        k=k,
        pool=pool,
        before=_alone(found.texts.shape),
        after=_alone(found.carried.shape),
        images=_alone(found.images.shape) if found.images else None,
        used=_alone(found.used.shape) if found.used else None,
        preservation=_preservation(found, k),
        gap_before=_between(found.texts, found.images, found.apart, k) if found.images else None,
        gap_after=_between(found.carried, found.used or found.images, found.left, k) if found.images else None,
    )


class _Gathering:
    """One set of embeddings as it streams by: its sums and its pool."""

    def __init__(self, dimension: int, pool: int) -> None:
        self.spread = Spread(dimension)
        self.pool = Pool(pool, dimension)

    def add(self, rows: Rows, *, unit: bool = True) -> Doubles:
        checked = self.spread.add(rows, unit=unit)
        self.pool.add(checked)
        return checked

    def done(self) -> "_Set":
        return _Set(self.spread.shape(), self.pool.rows(), self.pool.sampled)


@dataclass(frozen=True, eq=False)
class _Set:
    """One set of embeddings: its moments, and rows of it in random order, whether they are a sample or all."""

    shape: Shape
    rows: Doubles
    sampled: bool


@dataclass(frozen=True, eq=False)
class _Found:
    """All that a report is made of. `apart` and `left` are pairs of images with texts before and after."""

    texts: _Set
    carried: _Set
    images: _Set | None
    used: _Set | None
    kept: Pairs
    apart: Pairs | None
    left: Pairs | None

    @property
    def sets(self) -> list[_Set]:
        return [one for one in (self.texts, self.carried, self.images, self.used) if one is not None]


def _gather(before: Source, after: Source, shown: Sequence[Source], paired: bool, pool: int) -> _Found:
    """Everything in one pass over the texts and one over the images; over both at once where they are pairs.

    `shown` are no images, the images, or the images and these as used.
    """
    start, stream = _peek(together(before, after, *(shown if paired else ())))
    dimension = start[0].shape[-1]
    texts, carried = (_Gathering(dimension, pool) for _ in range(2))
    sides = [_Gathering(dimension, pool) for _ in shown]
    kept, apart, left = (Pairs(dimension) for _ in range(3))
    for one, other, *images in stream:
        text, moved = texts.add(one), carried.add(other, unit=False)
        kept.add(text, moved)
        rows = [side.add(image, unit=side is sides[0]) for side, image in zip(sides, images, strict=False)]
        if rows:
            apart.add(rows[0], text)
            left.add(rows[-1], moved)
    for side, source in zip(sides, () if paired else shown, strict=False):
        for chunk in chunks(source):
            side.add(chunk, unit=side is sides[0])
    found = [*(side.done() for side in sides), None, None]
    pairs = (apart, left) if paired else (None, None)
    return _Found(texts.done(), carried.done(), found[0], found[1], kept, *pairs)


def _peek(stream: Iterator[tuple[Rows, ...]]) -> tuple[tuple[Rows, ...], Iterator[tuple[Rows, ...]]]:
    first = next(stream, None)
    if first is None:
        raise TransferError("There are no embeddings to measure.", "give embeddings of 2 texts at least.")
    return first, chain([first], stream)


def _alone(shape: Shape) -> SetFigures:
    return SetFigures(
        rows=shape.count,
        centroid_norm=float((shape.mean @ shape.mean) ** 0.5),
        trace=shape.trace,
        mean_cosine=shape.mean_cosine,
        anisotropy_ratio=spectrum.anisotropy_ratio(shape.values),
        effective_dimension=spectrum.effective_dimension(shape.values),
        effective_rank=spectrum.effective_rank(shape.values),
        exponent=spectrum.exponent(shape.values),
        spectrum=spectrum.shares(shape.values),
    )


def _preservation(found: _Found, k: int) -> Preservation:
    before, after = found.texts.rows, found.carried.rows
    groups = GROUPS if found.texts.sampled else 1
    return Preservation(
        phi=Figure(found.kept.mean_cosine),
        psi=cosines.correlation(before, after, groups),
        omega=neighbours.overlap(before, after, k, groups),
    )


def _between(texts: _Set, images: _Set, pairs: Pairs | None, k: int) -> Between:
    one, other = texts.shape, images.shape
    gap, axes = distance.frechet(one, other), spectrum.axes_in_both(one, other)
    rows = min(len(texts.rows), len(images.rows))
    cut = rows < max(one.count, other.count)
    mixed = neighbours.mixing(texts.rows[:rows], images.rows[:rows], k, GROUPS if cut else 1)
    across = distance.cross_cosine(one, other)
    sampled = texts.sampled or images.sampled
    return Between(
        centroid_distance=distance.centroid_distance(one, other),
        centroid_chance=distance.centroid_chance(one, other),
        trace_ratio=distance.trace_ratio(one, other),
        frechet=gap.distance,
        shrinkage=gap.shrinkage,
        covariance_difference=distance.covariance_difference(one, other),
        cross_cosine=across,
        relative_gap=distance.relative_gap(across, one.mean_cosine, other.mean_cosine),
        spectrum_correlation=spectrum.spectrum_correlation(one.values, other.values),
        subspace_overlap=spectrum.subspace_overlap(one, other),
        overlap_axes=axes,
        overlap_by_chance=axes / one.dimension,
        mixing_rows=rows,
        mixing_rate=mixed.rate,
        mixing_texts=mixed.first,
        mixing_images=mixed.second,
        cosine_divergence=cosines.divergence(texts.rows, images.rows, GROUPS if sampled else 1),
        pairs=pairs.figures(one.mean_cosine, other.mean_cosine) if pairs else None,
    )
