"""Fitting any method to embeddings that stream by: which statistics of which side it needs, in how many passes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from unicorn_assets.errors import TransferError
from unicorn_assets.lake.embedding_files import Batch, Embeddings
from unicorn_assets.transfer.aniso import Blocks
from unicorn_assets.transfer.base import Method
from unicorn_assets.transfer.c3 import C3, COSINE, Noise
from unicorn_assets.transfer.choices import NEED_IMAGES
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.matched import Matched
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.none import NoTransfer
from unicorn_assets.transfer.realign import Anchor
from unicorn_assets.transfer.reservoir import Reservoir
from unicorn_assets.transfer.statistics import Moments
from unicorn_assets.transfer.threads import blocks, in_order

SETTLED = 10_000
"""Embeddings of a side from which on its statistics hardly move (arXiv 2602.07026: the gap is flat from there)."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many rows of it are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person may choose; each method reads what concerns it.

    Args:
        renormalise: `mean_shift`: the paper's form rather than its code's.
        noise: `c3`: how much.
        sample: `aniso`, `matched`: rows of each side, drawn by the hash of their ids, that the fit looks at.
        rounds: `matched`: how often texts are matched at the most.
        kept: `matched`: share of the pairs that count.
    """

    renormalise: bool = True
    noise: Noise = field(default_factory=lambda: Noise(cosine=COSINE))
    sample: int = SETTLED
    rounds: int = 10
    kept: float = 0.6


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a fit, and whom to tell about it."""

    texts: Embeddings
    images: Embeddings | None
    progress: Progress

    def image_side(self) -> Embeddings:
        """The images, where there must be some."""
        assert self.images is not None
        return self.images


def fit(
    name: str, texts: Embeddings, images: Embeddings | None, options: Options, progress: Progress
) -> FittedTransfer:
    """Fits a method to two sides that nobody paired; images that it does not use are left alone.

    Raises:
        TransferError: it needs images and there are none, the dimensions differ, there are too few rows, or one is not
            fit for use; names file and row.
        LakeError: a file is damaged.
    """
    if images is None and name in NEED_IMAGES:
        raise TransferError(f"The method {name} needs images.", "give a file of image embeddings with --images.")
    if images is not None and images.dimension != texts.dimension:
        raise TransferError(
            f"{texts.path} has {texts.dimension} dimensions and {images.path} has {images.dimension}.",
            "give texts and images out of one encoder with two towers.",
        )
    method, seen, seen_images = _FITS[name](Sides(texts, images, progress), options)
    return FittedTransfer(method, seen, images=seen_images)


def few(transfer: FittedTransfer) -> str:
    """What to warn of where a side of the fit was small, else ""."""
    sides = {"texts": transfer.sample if transfer.method.tensors else SETTLED, "images": transfer.images}
    small = [f"{count:,} {side}" for side, count in sides.items() if count is not None and count < SETTLED]
    return f"Fitted on {' and '.join(small)}; statistics settle at about {SETTLED:,}." if small else ""


Fit = tuple[Method, int, int | None]


def _none(sides: Sides, options: Options) -> Fit:
    return NoTransfer(sides.texts.dimension), 0, None


def _mean_shift(sides: Sides, options: Options) -> Fit:
    texts = moments(sides.texts, "mean of the texts", sides.progress)
    return MeanShift.fit(texts, renormalise=options.renormalise), texts.count, None


def _c3(sides: Sides, options: Options) -> Fit:
    texts = moments(sides.texts, "mean of the texts", sides.progress)
    images = None if sides.images is None else moments(sides.images, "mean of the images", sides.progress)
    return C3.fit(texts, images, options.noise), texts.count, None if images is None else images.count


def _realign(sides: Sides, options: Options) -> Fit:
    texts = moments(sides.texts, "mean of the texts", sides.progress)
    images = moments(sides.image_side(), "mean of the images", sides.progress)
    anchor = Anchor.fit(texts, images)
    return anchor.finish(_stepped(sides, anchor)), texts.count, images.count


def _aniso(sides: Sides, options: Options) -> Fit:
    texts, images = _samples(sides, options)
    found = Blocks.fit(texts.rows(), images.rows())
    return found.finish(_stepped(sides, found)), len(texts.rows()), len(images.rows())


def _matched(sides: Sides, options: Options) -> Fit:
    texts, images = _samples(sides, options)

    def told(done: int) -> None:
        sides.progress("rounds, at the most", done, options.rounds)

    method = Matched.fit(texts.rows(), images.rows(), rounds=options.rounds, kept=options.kept, progress=told)
    return method, len(texts.rows()), len(images.rows())


_FITS: dict[str, Callable[[Sides, Options], Fit]] = {
    "none": _none,
    "mean_shift": _mean_shift,
    "c3": _c3,
    "realign": _realign,
    "aniso": _aniso,
    "matched": _matched,
}


def moments(side: Embeddings, what: str, progress: Progress, step: Anchor | Blocks | None = None) -> Moments:
    """The statistics of a side, or of what an unfinished method makes of it; rows lost in that do not count.

    Raises:
        TransferError: a row is not fit for use; names file and row.
    """

    def gather(batch: Batch) -> Moments:
        found = Moments(side.dimension)
        for block in blocks(len(batch.vectors)):
            rows, first = batch.vectors[block], batch.first + block.start
            if step is None:
                found.add(rows, first=first)
            else:
                step.gather(rows, first, found)
        return found

    total = Moments(side.dimension)
    with naming(side):
        for part in in_order(gather, side):
            total.merge(part)
            progress(what, total.count, side.rows)
    return total


@contextmanager
def naming(side: Embeddings) -> Iterator[None]:
    """Puts the file's name before what is wrong with a row of it.

    Raises:
        TransferError: the same error with the name.
    """
    try:
        yield
    except TransferError as error:
        raise TransferError(f"{side.path}: {error.what}", error.cure) from None


def _stepped(sides: Sides, step: Anchor | Blocks) -> Moments:
    return moments(sides.texts, "mean of what the first step makes", sides.progress, step)


def _samples(sides: Sides, options: Options) -> tuple[Reservoir, Reservoir]:
    return _sample(sides.texts, "texts", sides, options), _sample(sides.image_side(), "images", sides, options)


def _sample(side: Embeddings, what: str, sides: Sides, options: Options) -> Reservoir:
    found = Reservoir(side.dimension, options.sample)
    with naming(side):
        for batch in side:
            found.add(batch.ids(), batch.vectors)
            sides.progress(f"sample of the {what}", found.seen, side.rows)
    return found
