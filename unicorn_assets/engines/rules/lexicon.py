"""The word lists, read once: colours and adjectives, groups of things, kinds of scene, kinds of nouns."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from unicorn_assets.engines.rules.spots import Cell, cells
from unicorn_assets.text import words


@dataclass(frozen=True, slots=True)
class Group:
    """Incidental things that take the same adjectives, colours, verbs and details."""

    name: str
    colours: tuple[str, ...]
    adjectives: tuple[str, ...]
    verbs: tuple[str, ...]
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """An incidental thing, with the words of its name, its group, and its colours."""

    name: str
    parts: frozenset[str]
    group: Group
    colours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """A kind of scene and what is plausible there.

    Args:
        name: its table in scenes.toml.
        place: what it is, with its article.
        outdoors: whether it is outdoors, None where that is open.
        flat: whether it has no depth.
        things: incidental things.
        fixed: those of them that may be there even where the seed says it is empty.
        grounds: what is underneath.
        backs: what is behind, plural.
        spots: where things may be, by cell (spots.py).
    """

    name: str
    place: str
    outdoors: bool | None
    flat: bool
    things: tuple[Thing, ...]
    fixed: tuple[Thing, ...]
    grounds: tuple[str, ...]
    backs: tuple[str, ...]
    spots: dict[Cell, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of noun: what its nouns are called as a class, and what of them is always visible."""

    label: str
    alive: bool
    rides: bool
    parts: tuple[str, ...]
    looks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noun:
    """A known noun in one of its forms; `bare` if it takes no article."""

    singular: str
    plural: bool
    bare: bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All word lists.

    Args:
        colours: pools by name.
        lists: pools of `light`, `shadow`, `texture` and `frame`, by name.
        directions: pairs of where light comes from and where shadows then fall.
        scenes: in order of precedence; the last one is the plain setting.
        spots: every spot of every scene.
        scene_words: for each word, the positions of the scenes that it tells of.
        nouns: known nouns by form.
        things: all incidental things by name.
        groups: all groups by name.
        hues: the family of every colour.
        numbers: number words from two on.
    """

    colours: dict[str, tuple[str, ...]]
    lists: dict[str, dict[str, tuple[str, ...]]]
    directions: tuple[tuple[str, str], ...]
    scenes: tuple[Scene, ...]
    spots: frozenset[str]
    scene_words: dict[str, tuple[int, ...]]
    nouns: dict[str, Noun]
    things: dict[str, Thing]
    groups: dict[str, Group]
    hues: dict[str, str]
    numbers: tuple[str, ...]


@cache
def lexicon() -> Lexicon:
    """The word lists of the package."""
    pools = read("pools")
    colours = {name: split(text) for name, text in pools["colour"].items()}
    spots = {name: split(text) for name, text in pools["spot"].items()}
    groups = {
        name: Group(name, colours[g["colour"]], split(g["adjectives"]), split(g["verbs"]), split(g["details"]))
        for name, g in pools["group"].items()
    }
    tables = read("scenes")
    scenes = tuple(_scene(name, table, groups, spots) for name, table in tables.items())
    scene_words: dict[str, list[int]] = {}
    for place, table in enumerate(tables.values()):
        for word in dict.fromkeys(table["words"].split()):
            scene_words.setdefault(word, []).append(place)
    lists = {
        section: {name: split(text) for name, text in pools[section].items() if isinstance(text, str)}
        for section in ("light", "shadow", "texture", "frame")
    }
    return Lexicon(
        colours=colours,
        lists=lists,
        directions=tuple((way["from"], way["shadow"]) for way in pools["light"]["direction"]),
        scenes=scenes,
        spots=frozenset(spot for scene in scenes for cell in scene.spots.values() for spot in cell),
        scene_words={word: tuple(places) for word, places in scene_words.items()},
        nouns=_nouns(read("nouns")["kind"]),
        things={thing.name: thing for scene in scenes for thing in scene.things},
        groups=groups,
        hues={colour: hue for hue, text in pools["hue"].items() for colour in split(text)},
        numbers=split(pools["number"]["words"]),
    )


@cache
def cues() -> dict[str, frozenset[str]]:
    """Sets of words that tell how to take a seed or a thing, by name."""
    return {name: frozenset(split(text)) for name, text in read("cues").items()}


def read(name: str) -> dict[str, Any]:
    """A TOML file of the package."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def split(text: str) -> tuple[str, ...]:
    """Entries of a list: parted by bars where it has any, by white space otherwise; then `_` is a space."""
    if "|" in text:
        return split_bars(text)
    return tuple(entry.replace("_", " ") for entry in text.split())


def _scene(name: str, table: dict[str, Any], groups: dict[str, Group], spots: dict[str, tuple[str, ...]]) -> Scene:
    flat = table.get("flat", False)
    things = tuple(
        _thing(item, group, groups["built"].colours)
        for group in groups.values()
        if group.name in table
        for item in split_bars(table[group.name])
    )
    return Scene(
        name=name,
        place=table["place"],
        outdoors=table.get("outdoors"),
        flat=flat,
        things=things,
        fixed=tuple(thing for thing in things if thing.group.name in ("built", "shape")),
        grounds=split_bars(table.get("ground", "")),
        backs=split_bars(table["back"]),
        spots=cells((*spots["flat" if flat else "all"], *split_bars(table.get("spots", "")))),
    )


def _thing(name: str, group: Group, muted: tuple[str, ...]) -> Thing:
    """A thing; one that is named for its material has muted colours."""
    parts = frozenset(words(name))
    return Thing(name, parts, group, group.colours if parts.isdisjoint(cues()["material"]) else muted)


def split_bars(text: str) -> tuple[str, ...]:
    """Entries parted by bars, which may have one entry of several words."""
    return tuple(" ".join(entry.split()) for entry in text.split("|") if entry.strip())


def _nouns(kinds: dict[str, Any]) -> dict[str, Noun]:
    nouns: dict[str, Noun] = {}
    for table in kinds.values():
        forms = [entry.partition("/") for entry in table["nouns"].split()]
        kind = Kind(
            label=table["name"],
            alive=table.get("alive", False),
            rides=table.get("rides", False),
            parts=split_bars(table.get("parts", "")),
            looks=split(table.get("looks", "")),
        )
        for singular, _, plural in forms:
            nouns.setdefault(singular, Noun(singular, False, not plural, kind))
            if plural:
                nouns.setdefault(plural, Noun(singular, True, True, kind))
    return nouns
