"""What single assets show beside their figures: the picture of a fitted transfer, the card of a release."""

import base64
from typing import Any

import dagster as dg

from unicorn_assets.home import Home
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.release import card
from unicorn_assets.stages.transfer_checks import GAP
from unicorn_assets.transfer.metrics.figure import Figure
from unicorn_assets.transfer.metrics.results import GapReport
from unicorn_assets.transfer.picture import MOST_ROWS

MOST_PICTURE_BYTES = 150_000
MOST_CARD_CHARACTERS = 20_000

ALIGNMENT_WORDS = """\
Caption embeddings of the calibration sample before and after the transfer, the first {rows:,} by id. {images}

Left: where the vectors lie. Before, captions lie on one side of the origin, in a narrow cone that is peculiar to \
texts. Right: how alike any two are; before, by what all texts share; after, by what they say. Below: how fast the \
variance falls along the principal axes, of all rows.

![PCA before and after, cosines between captions, spectra](data:image/png;base64,{picture})
"""
NO_IMAGES = "No image was looked at, so there is no cloud of images here."
WITH_IMAGES = "The images are those of the reference, which nobody paired with the captions."
USED = "Beside them, the images as they are to be used with these texts: less their own mean."

OWN_METRICS = frozenset({GAP})
"""Metrics that are shown here and nowhere else."""


def inline(picture: bytes, title: str) -> dg.MarkdownMetadataValue:
    """A PNG as metadata that the UI shows by itself."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(picture).decode()})")


def special(home: Home, sidecar: Sidecar) -> dict[str, Any]:
    """The metadata that belongs to this asset alone; none for most."""
    match sidecar.stage:
        case "modality_alignment" if "picture" in sidecar.files:
            return {"picture": _alignment(home, sidecar)}
        case "release":
            return _release(home, sidecar)
    return {}


def gap(sidecar: Sidecar) -> dict[str, Any]:
    """The main figures of a fit's gap report as numbers, and all of it in words; nothing for other assets."""
    if GAP not in sidecar.metrics:
        return {}
    report = GapReport.restore(sidecar.metrics[GAP])
    shown: dict[str, Any] = {"gap_report": dg.MetadataValue.md(report.explain())}
    for name, pair in report.main().items():
        before, after = (one.value if isinstance(one, Figure) else one for one in pair)
        if before is not None:
            shown[f"gap/{name}_before"] = round(before, 6)
        if after is not None:
            shown[f"gap/{name}" if before is None else f"gap/{name}_after"] = round(after, 6)
    return shown


def _alignment(home: Home, sidecar: Sidecar) -> dg.MarkdownMetadataValue:
    report = GapReport.restore(sidecar.metrics[GAP])
    told = NO_IMAGES if report.images is None else WITH_IMAGES if report.used is None else f"{WITH_IMAGES} {USED}"
    picture = home.lake.picture(sidecar.stage, sidecar.shard).read_bytes()
    if len(picture) > MOST_PICTURE_BYTES:
        raise ValueError(f"the picture has {len(picture):,} bytes, at most {MOST_PICTURE_BYTES:,} are wanted")
    encoded = base64.b64encode(picture).decode()
    rows = min(MOST_ROWS, report.before.rows)
    return dg.MetadataValue.md(ALIGNMENT_WORDS.format(rows=rows, images=told, picture=encoded))


def _release(home: Home, sidecar: Sidecar) -> dict[str, Any]:
    folder = home.path / sidecar.metrics["folder"]
    text = (folder / card.FILE).read_text(encoding="utf-8")
    body = text.removeprefix("---\n").partition("\n---\n")[2].lstrip() or text
    if len(body) > MOST_CARD_CHARACTERS:
        body = body[:MOST_CARD_CHARACTERS] + "\n\n…"
    return {"card": dg.MetadataValue.md(body), "folder": dg.MetadataValue.path(str(folder))}
