"""The picture of a fit: where its vectors lie before and after, beside images where there are some."""

from unicorn_assets.lake.embedding_files import Embeddings
from unicorn_assets.transfer import gap
from unicorn_assets.transfer.base import Method, Rows
from unicorn_assets.transfer.metrics.results import GapReport
from unicorn_assets.transfer.picture import MOST_ROWS, draw

NAMES = {"before": "captions", "after": "after the transfer", "images": "images", "used": "images as used"}
"""How the legend calls the sets of a gap report."""


def picture(method: Method, report: GapReport, texts: Embeddings, images: Embeddings | None) -> bytes:
    """Draws a fit, PNG.

    Args:
        method: the fitted method.
        report: its gap report; its spectra are of all rows.
        texts: what it was fitted on; the first rows are drawn.
        images: those that it was measured against.
    """
    first = next(iter(texts))
    before = first.vectors[:MOST_ROWS]
    carried = method.apply(before, 0, first.ids()[:MOST_ROWS])
    sets: dict[str, Rows] = {"before": before, "after": carried.vectors[~carried.lost]}
    if images is not None:
        sets["images"] = next(iter(images)).vectors[:MOST_ROWS]
        if report.used is not None:
            sets["used"] = next(gap.used(method, images))[:MOST_ROWS]
    spectra = {NAMES[name]: shares for name, shares in report.spectra().items()}
    shown = {NAMES[name]: rows for name, rows in sets.items()}
    return draw(shown, against=list(shown)[-1] if len(shown) > 2 else None, spectra=spectra)
