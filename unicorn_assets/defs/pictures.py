"""What single assets show beside their figures: the picture of a fitted transfer, the card of a release."""

import base64
from typing import Any

import dagster as dg

from unicorn_assets.home import Home
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.release import card
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.picture import MOST_ROWS, draw

MOST_PICTURE_BYTES = 150_000
MOST_CARD_CHARACTERS = 20_000

ALIGNMENT_WORDS = """\
Caption embeddings of the calibration sample before and after the transfer, the first {rows:,} by id. No image was \
looked at: the mean shift knows texts alone, so there is no cloud of images here.

Left: before, all captions lie on one side of the origin, in a narrow cone that is peculiar to texts; after, around \
the origin. Right: before, any two captions are alike by what all texts share; after, by what they say.

![PCA before and after, and cosines between captions](data:image/png;base64,{picture})
"""


def special(home: Home, sidecar: Sidecar) -> dict[str, Any]:
    """The metadata that belongs to this asset alone; none for most."""
    match sidecar.stage:
        case "modality_alignment":
            return {"picture": _alignment(home, sidecar)}
        case "release":
            return _release(home, sidecar)
    return {}


def _alignment(home: Home, sidecar: Sidecar) -> dg.MarkdownMetadataValue:
    where = sidecar.stage, sidecar.shard
    _, before = next(iter_vectors(home.lake.vectors(*where), MOST_ROWS))
    carried = FittedTransfer.load(home.lake.transfer(*where)).method.apply(before)
    picture = draw({"captions": before, "after the transfer": carried.vectors[~carried.lost]})
    if len(picture) > MOST_PICTURE_BYTES:
        raise ValueError(f"the picture has {len(picture):,} bytes, at most {MOST_PICTURE_BYTES:,} are wanted")
    encoded = base64.b64encode(picture).decode()
    return dg.MetadataValue.md(ALIGNMENT_WORDS.format(rows=len(before), picture=encoded))


def _release(home: Home, sidecar: Sidecar) -> dict[str, Any]:
    folder = home.path / sidecar.metrics["folder"]
    text = (folder / card.FILE).read_text(encoding="utf-8")
    body = text.removeprefix("---\n").partition("\n---\n")[2].lstrip() or text
    if len(body) > MOST_CARD_CHARACTERS:
        body = body[:MOST_CARD_CHARACTERS] + "\n\n…"
    return {"card": dg.MetadataValue.md(body), "folder": dg.MetadataValue.path(str(folder))}
