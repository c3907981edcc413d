"""Scenes of the miniature world: coloured shapes at four places, drawn by chance, and rendered to small images.

A scene is four numbers, one a place: 0 where nothing is, else 1 + colour * SHAPES + shape. Many of them are an array
(n, PLACES).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PLACE_NAMES = ("northwest", "northeast", "southwest", "southeast")
COLOUR_NAMES = ("red", "green", "blue", "yellow")
SHAPE_NAMES = ("circle", "square", "triangle")
PLACES, COLOURS, SHAPES = len(PLACE_NAMES), len(COLOUR_NAMES), len(SHAPE_NAMES)
CELLS = 1 + COLOURS * SHAPES
SIZE = 32
"""Width and height of an image in pixels."""

FAMILY = 4
"""A scene and three that differ from it by a swap, which a good tower must tell apart."""

_MIDDLES = ((7.5, 7.5), (7.5, 23.5), (23.5, 7.5), (23.5, 23.5))
"""Row and column of each place's middle in the image."""

_COLOURS = np.array([(0.9, 0.15, 0.1), (0.1, 0.7, 0.2), (0.15, 0.25, 0.95), (0.95, 0.85, 0.1)], np.float32)

Scenes = NDArray[np.int64]
Images = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Mix:
    """Which scenes are likely.

    Args:
        occupied: probability that something is at a place.
        tilt: how much likelier each next colour and shape is than the one before it; 1 for all alike.
    """

    occupied: float = 0.5
    tilt: float = 1.0


USUAL = Mix()
OTHER = Mix(occupied=0.7, tilt=1.5)
"""The mix of a reference that was gathered elsewhere."""


def draw(chance: np.random.Generator, count: int, mix: Mix = USUAL) -> Scenes:
    """Scenes by chance, (count, PLACES), none of them empty."""
    colours = chance.choice(COLOURS, (count, PLACES), p=_tilted(COLOURS, mix.tilt))
    shapes = chance.choice(SHAPES, (count, PLACES), p=_tilted(SHAPES, mix.tilt))
    there = chance.random((count, PLACES)) < mix.occupied
    bare = ~there.any(axis=1)
    there[bare, chance.integers(PLACES, size=int(bare.sum()))] = True
    return np.where(there, 1 + colours * SHAPES + shapes, 0)


def families(chance: np.random.Generator, count: int) -> Scenes:
    """Scenes in families, (count * FAMILY, PLACES): each with three others that swap or change a part of it."""
    first = draw(chance, count)
    rest = [_changed(chance, first) for _ in range(FAMILY - 1)]
    return np.stack([first, *rest], axis=1).reshape(-1, PLACES)


def render(chance: np.random.Generator, scenes: Scenes) -> Images:
    """Images of scenes, (n, 3, SIZE, SIZE) in 0 to 1: shapes vary in place, size and shade, on a noisy ground."""
    count = len(scenes)
    images = np.empty((count, 3, SIZE, SIZE), np.float32)
    images[:] = chance.uniform(0.3, 0.5, (count, 1, 1, 1)).astype(np.float32)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    for place, (row, column) in enumerate(_MIDDLES):
        cells = scenes[:, place]
        down, across = chance.uniform(-1, 1, (2, count, 1, 1)).astype(np.float32)
        radius = chance.uniform(4.5, 5.8, (count, 1, 1)).astype(np.float32)
        found = _masks(rows - row - down, columns - column - across, radius, (cells - 1) % SHAPES)
        shade = _COLOURS[(cells - 1).clip(0) // SHAPES] * chance.uniform(0.85, 1, (count, 3)).astype(np.float32)
        np.copyto(images, shade[:, :, None, None], where=(found & (cells > 0)[:, None, None])[:, None])
    images += chance.standard_normal(images.shape, np.float32) * 0.04
    return images.clip(0, 1, out=images)


def _tilted(count: int, tilt: float) -> NDArray[np.float64]:
    weights = tilt ** np.arange(count)
    return np.asarray(weights / weights.sum())


def _masks(down: Images, across: Images, radius: Images, shapes: Scenes) -> NDArray[np.bool_]:
    far, wide = np.abs(down), np.abs(across)
    forms = (
        down**2 + across**2 <= radius**2,
        np.maximum(far, wide) <= radius * 0.85,
        (down <= radius * 0.8) & (down >= -radius) & (wide <= (down + radius) * 0.55),
    )
    found = np.zeros(forms[0].shape, np.bool_)
    for shape, form in enumerate(forms):
        found |= form & (shapes == shape)[:, None, None]
    return found


def _changed(chance: np.random.Generator, scenes: Scenes) -> Scenes:
    """The scenes with two places swapped, two colours swapped, or one cell drawn anew."""
    rows, count = np.arange(len(scenes)), len(scenes)
    one = chance.integers(PLACES, size=count)
    two = (one + chance.integers(1, PLACES, size=count)) % PLACES
    first, second = scenes[rows, one], scenes[rows, two]
    changed = scenes.copy()
    changed[rows, one], changed[rows, two] = second, first
    both = (first > 0) & (second > 0)
    recoloured = scenes.copy()
    recoloured[rows, one] = np.where(both, (second - 1) // SHAPES * SHAPES + (first - 1) % SHAPES + 1, first)
    recoloured[rows, two] = np.where(both, (first - 1) // SHAPES * SHAPES + (second - 1) % SHAPES + 1, second)
    changed = np.where((both & (chance.random(count) < 0.5))[:, None], recoloured, changed)
    same = (changed == scenes).all(axis=1) | (chance.random(count) < 0.3)
    changed[same] = scenes[same]
    changed[rows[same], one[same]] = draw(chance, len(scenes), Mix(occupied=0.8))[rows[same], one[same]]
    return changed
