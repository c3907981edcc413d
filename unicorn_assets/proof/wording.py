"""Scenes in words: sparse captions as people leave them, full ones as a writer expands them, and both read back."""

import re
from collections.abc import Sequence

import numpy as np

from unicorn_assets.proof.scenes import COLOUR_NAMES, PLACE_NAMES, PLACES, SHAPE_NAMES, SHAPES

NUMBERS = ("no", "one", "two", "three", "four")
NOTHING = "nothing"
TOLD = 2
"""Things that a sparse caption names at most."""

_GROUNDS = ("a plain grey ground", "a grey background", "a flat grey surface", "an even grey field")
_OPENINGS = ("On {ground}, {count}.", "{count} on {ground}.", "The picture shows {count} on {ground}.")
_LEADS = (
    "",
    "a picture of ",
    "there is ",
    "an image with ",
    "here is ",
    "a view of ",
    "a drawing of ",
    "one sees ",
    "a scene with ",
    "a small picture of ",
    "a simple image of ",
    "a card with ",
)
_BEHIND = ("", " on grey", " in plain light", " from above", *(f" on {ground}" for ground in _GROUNDS))
_THERE = ("A {cell} is {at}.", "{At} there is a {cell}.", "{At} stands a {cell}.", "A {cell} stands {at}.")
_BARE = ("{At} there is nothing.", "Nothing is {at}.", "Nothing stands {at}.")

_CELL = re.compile(rf"\b({'|'.join(COLOUR_NAMES)}) ({'|'.join(SHAPE_NAMES)})\b")
_PLACE = re.compile(rf"\b({'|'.join(PLACE_NAMES)})\b")


def name(cell: int) -> str:
    """What is at a place: "red circle"; "nothing" for an empty one."""
    return f"{COLOUR_NAMES[(cell - 1) // SHAPES]} {SHAPE_NAMES[(cell - 1) % SHAPES]}" if cell else NOTHING


def cell(text: str) -> int | None:
    """The cell that a text names first, 0 if it says that nothing is there, None if it says neither."""
    found = _CELL.search(text.lower())
    if found:
        return 1 + COLOUR_NAMES.index(found[1]) * SHAPES + SHAPE_NAMES.index(found[2])
    return 0 if re.search(r"\bnothing\b", text.lower()) else None


def at(place: int) -> str:
    """Where a place is: "in the northwest"."""
    return f"in the {PLACE_NAMES[place]}"


def sparse(chance: np.random.Generator, scene: Sequence[int]) -> str:
    """A short caption: at most TOLD of the things that are there, the rest left unsaid."""
    there = [place for place in range(PLACES) if scene[place]]
    told = chance.permutation(there)[:TOLD]
    parts = [f"a {name(scene[place])} {at(place)}" for place in told]
    lead, behind = _LEADS[chance.integers(len(_LEADS))], _BEHIND[chance.integers(len(_BEHIND))]
    return raised(lead + " and ".join(parts) + behind) + "."


def full(chance: np.random.Generator, scene: Sequence[int]) -> str:
    """A caption that says of every place what is there, with a sentence about the whole before or after."""
    count = sum(1 for here in scene if here)
    whole = _OPENINGS[chance.integers(len(_OPENINGS))].format(
        ground=_GROUNDS[chance.integers(len(_GROUNDS))], count=f"{NUMBERS[count]} shape{'s' * (count != 1)}"
    )
    parts = []
    for place in chance.permutation(PLACES):
        forms = _THERE if scene[place] else _BARE
        where = at(int(place))
        parts.append(forms[chance.integers(len(forms))].format(cell=name(scene[place]), at=where, At=raised(where)))
    parts.insert(0 if chance.random() < 0.7 else len(parts), raised(whole))
    return " ".join(parts)


def read(text: str) -> list[int | None]:
    """What a caption says of each place: a cell, 0 for an empty one, None where it says nothing; the first counts."""
    found: list[int | None] = [None] * PLACES
    for clause in re.split(r"[.]| and ", text.lower()):
        place = _PLACE.search(clause)
        if place and found[PLACE_NAMES.index(place[1])] is None:
            found[PLACE_NAMES.index(place[1])] = cell(clause)
    return found


def question(place: int) -> str:
    """What the examination asks about a place."""
    return f"What is {at(place)}?"


def places(text: str) -> list[str]:
    """Names of the places that a text speaks of."""
    return _PLACE.findall(text.lower())


def raised(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
