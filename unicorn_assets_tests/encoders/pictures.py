"""Image files of several kinds, and some that are none."""

import numpy as np
from PIL import Image

KINDS = ("png", "jpg", "webp", "bmp", "gif", "tiff")


def picture(seed, size=(24, 20), mode="RGB"):
    """A few large blocks of colour, so that every kind of file keeps them."""
    colours = np.random.default_rng(seed).integers(0, 256, size=(3, 4, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize(size, Image.Resampling.NEAREST).convert(mode)


def fill(folder, count, first=0):
    """So many images, of all kinds in turn, some in a folder below; returns their names."""
    names = []
    for seed in range(first, first + count):
        below = "below/" if seed % 3 == 0 else ""
        names.append(f"{below}{seed:03d}.{KINDS[seed % len(KINDS)]}")
        path = folder / names[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(path)
    return sorted(names)
