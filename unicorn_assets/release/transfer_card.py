"""What the card says of the transfer: what it was fitted on, what it did by its figures, and what real images need."""

import json
from collections.abc import Mapping
from typing import Any

from unicorn_assets.release.images import FILE
from unicorn_assets.transfer.choices import READS, USE_IMAGES
from unicorn_assets.transfer.metrics import words
from unicorn_assets.transfer.metrics.results import GapReport, in_words

PICTURE = "transfer.png"
"""What the transfer did, as a picture in the release folder."""

HEADER = ["figure", "before", "after", "what it means"]


def summary(transfer: Mapping[str, Any]) -> str:
    """Method, options and version in one line."""
    options = [
        f"{name} {json.dumps(transfer[name])}" for name in READS[transfer["method"]] if transfer.get(name) is not None
    ]
    return ", ".join([f"`{transfer['method']}`", *options, f"version `{transfer['version']}`"])


def looked_at(transfer: Mapping[str, Any]) -> str:
    """Whether images had a part in the release."""
    images = GapReport.restore(transfer["gap"]).images
    if images is None:
        return "No image was looked at."
    what = "the transfer was fitted to" if transfer["method"] in USE_IMAGES else "the transfer was measured against"
    return f"No image is in it; {what} the embeddings of {images.rows:,} images, which nobody paired with the captions."


def figures(transfer: Mapping[str, Any]) -> list[list[str]]:
    """The main figures of the gap report, a row of the table HEADER each."""
    main = GapReport.restore(transfer["gap"]).main()
    return [
        [name.replace("_", " "), "" if before is None else in_words(before), in_words(after), words.MEANINGS[name]]
        for name, (before, after) in main.items()
    ]


def told(transfer: Mapping[str, Any]) -> str:
    """The figures in words."""
    report, fitted_on = GapReport.restore(transfer["gap"]), transfer["fitted_on"]
    sides = " and ".join(f"{count:,} {side}" for side, count in fitted_on.items())
    fitted = "Nothing was fitted." if transfer["method"] == "none" else f"The transfer was fitted on {sides}."
    kept = f"A caption keeps {report.preservation.omega.value:.0%} of its nearest neighbours through it. Two captions "
    kept += f"have a mean cosine of {report.before.mean_cosine:.3f} before and {report.after.mean_cosine:.3f} after it."
    before, after = report.gap_before, report.gap_after
    if before is None or after is None:
        return f"{fitted} {kept}\n{words.NO_IMAGES}"
    near = f"The Frechet distance to the images is {before.frechet:.3g} before and {after.frechet:.3g} after it, and "
    near += f"{before.mixing_rate.value:.1%} and {after.mixing_rate.value:.1%} of the nearest neighbours in a mix of "
    near += "both are of the other kind; in one cloud half of them would be."
    return f"{fitted} {kept} {near}"


def picture() -> str:
    """The picture, and what is seen in it."""
    return (
        f"![Principal components before and after, cosines between captions, spectra]({PICTURE})\n\n"
        "Where the vectors lie, how alike any two are, and how their variance falls along the principal axes."
    )


def real_images(transfer: Mapping[str, Any]) -> str:
    """What to do with real images when the model is used."""
    return (
        "With real images, when the model is used, take the image encoder that belongs to the text encoder, and its\n"
        f"one global vector an image. {transfer['real_images']}\n`{FILE}` is the fitted transfer; "
        f"`unicorn transfer --fit {FILE} --images I.arrow --out O.arrow` does this to a file of image embeddings, and\n"
        "`unicorn_assets.release.images.carry_images` to an array."
    )
