"""A fitted transfer measured on files of embeddings: the gap report, without the rows that were lost on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import tee

from unicorn_assets.lake.embedding_files import Embeddings
from unicorn_assets.transfer.base import Method, Rows
from unicorn_assets.transfer.metrics.report import report
from unicorn_assets.transfer.metrics.results import GapReport
from unicorn_assets.transfer.statistics import Moments


@dataclass(frozen=True, slots=True)
class Gap:
    """What a transfer did.

    Args:
        report: its figures, of the rows that were not lost.
        lost: how many texts were.
    """

    report: GapReport
    lost: int


def measure(method: Method, texts: Embeddings, images: Embeddings | None = None) -> Gap:
    """Measures a method on texts and, where there are some, against images; after it, against these as they are used.

    Raises:
        TransferError: a row is not fit for use, or fewer than 2 of a side are left.
        LakeError: a file is damaged.
    """
    before, after = tee(pairs := _Pairs(method, texts))
    sides = (rows for rows, _ in before), (rows for _, rows in after)
    shown = None if images is None else _rows(images)
    ready = None if images is None or not method.image_rule().own_mean else used(method, images)
    return Gap(report(*sides, shown, used=ready), pairs.lost)


class _Pairs:
    """Texts with what becomes of them, as they stream by; counts those that are lost."""

    def __init__(self, method: Method, texts: Embeddings) -> None:
        self.lost = 0
        self._method, self._texts = method, texts

    def __iter__(self) -> Iterator[tuple[Rows, Rows]]:
        for batch in self._texts:
            vectors, lost = self._method.apply(batch.vectors, batch.first, batch.ids())
            self.lost += int(lost.sum())
            yield batch.vectors[~lost], vectors[~lost]


def _rows(images: Embeddings) -> Iterator[Rows]:
    return (batch.vectors for batch in images)


def used(method: Method, images: Embeddings) -> Iterator[Rows]:
    """Images as they are used beside the method's texts, a batch at a time, where its rule takes their own mean."""
    seen = Moments(images.dimension)
    for rows in _rows(images):
        seen.add(rows)
    rule = method.image_rule().fit(seen)
    for batch in images:
        vectors, lost = rule.apply(batch.vectors, batch.first)
        yield vectors[~lost]
