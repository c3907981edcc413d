"""Spots: on which side and at what level a spot's words put a thing, and which spots exclude each other."""

from functools import cache
from typing import NamedTuple

_SIDES = {"left": "left", "right": "right"}
_LEVELS = {
    "foreground": "near",
    "front": "near",
    "near": "near",
    "background": "far",
    "back": "far",
    "distance": "far",
    "farther": "far",
    "far": "far",
    "upper": "high",
    "high": "high",
    "top": "high",
    "lower": "low",
    "low": "low",
    "bottom": "low",
}
_OPPOSITE = {"left": "right", "right": "left", "near": "far", "far": "near", "high": "low", "low": "high"}


class Cell(NamedTuple):
    """A region: side `left`, `right` or empty; level `near`, `far`, `high`, `low` or empty."""

    side: str
    level: str


@cache
def cell(spot: str) -> Cell:
    """The region that the spot's words name. Without a side it is a place of its own, of no region."""
    tokens = spot.split()
    side = next((_SIDES[token] for token in tokens if token in _SIDES), "")
    if not side:
        return Cell("", "")
    found = {_LEVELS[token] for token in tokens if token in _LEVELS}
    for level in ("near", "far", "high", "low"):
        # "near the lower left corner" is near in a scene with depth; "close to the front" beats "low".
        if level in found:
            return Cell(side, level)
    return Cell(side, "")


def cells(spots: tuple[str, ...]) -> dict[Cell, tuple[str, ...]]:
    """The spots by region."""
    found: dict[Cell, list[str]] = {}
    for spot in spots:
        found.setdefault(cell(spot), []).append(spot)
    return {region: tuple(inside) for region, inside in found.items()}


def exclude(one: str, other: str) -> bool:
    """Whether a thing at one spot cannot also be said to be at the other."""
    first, second = cell(one), cell(other)
    return any(a and _OPPOSITE.get(a) == b for a, b in zip(first, second, strict=True))
