"""Wrong options: of the same sort as a right answer, absent from the caption, and excluded by what it says."""

from collections.abc import Iterable

from unicorn_assets.engines.rules.knowledge import Knowledge
from unicorn_assets.engines.rules.lexicon import lexicon
from unicorn_assets.engines.rules.phrases import Fact, article, pools
from unicorn_assets.engines.rules.spots import Cell, cell, exclude
from unicorn_assets.text import content_words

Option = tuple[str, str]
"""A wrong option and its family: of one family only one is taken."""

_SIDED = ("direction", "shadow")
_EXCLUSIVE = ("angle", "space")


def options(known: Knowledge, fact: Fact, role: str) -> list[Option]:
    """All wrong options for the value of a fact's role, in a fixed order; empty if there are none."""
    value = fact.values[role]
    if role == "colour":
        return _colours(known, value, fact.kind)
    if role == "item":
        return _items(known, value)
    if role == "spot":
        return _spots(known, value)
    if role == "noun":
        return _nouns(known, value)
    if role == "count":
        return [(number, number) for number in lexicon().numbers[:6] if number not in known.words]
    pool = sorted(pools()[f"{fact.kind}.{role}"] - {value})
    if role in _SIDED:
        sides = {"left", "right"} & set(value.split())
        return [(option, option) for option in pool if sides.isdisjoint(option.split())]
    if role in _EXCLUSIVE:
        return [(option, option) for option in pool]
    return _unsaid(known, pool)


def _unsaid(known: Knowledge, pool: Iterable[str]) -> list[Option]:
    """Those of which the caption has no content word; of a family by their last word."""
    return [(option, option.split()[-1]) for option in pool if known.words.isdisjoint(content_words(option))]


def _colours(known: Knowledge, value: str, kind: str) -> list[Option]:
    """Colours of other families than the right one, simple ones for a simple one."""
    lists = lexicon()
    pool = sorted(pools()["thing.colour"]) if kind == "thing" else sorted(set(lists.hues.values()) - {"sandy"})
    hue = lists.hues[value]
    return [
        (colour, lists.hues[colour])
        for colour in pool
        if lists.hues[colour] != hue and colour not in known.words and lists.hues[colour] not in known.words
    ]


def _items(known: Knowledge, value: str) -> list[Option]:
    things = lexicon().things
    group = things[value].group
    names = [name for name, thing in things.items() if thing.group is group and known.words.isdisjoint(thing.parts)]
    return [(article(name), name.split()[-1]) for name in names]


def _spots(known: Knowledge, value: str) -> list[Option]:
    """Spots on another side or level; for a place of its own, other such places with nothing in common."""
    every = sorted(lexicon().spots)
    region = cell(value)
    if region == Cell("", ""):
        return _unsaid(known, [spot for spot in every if cell(spot) == region])
    scenes = [scene for scene in lexicon().scenes if any(value in spots for spots in scene.spots.values())]
    flat = scenes[0].flat
    same = [spot for scene in scenes if scene.flat == flat for spots in scene.spots.values() for spot in spots]
    return [(spot, str(cell(spot))) for spot in dict.fromkeys(same) if exclude(value, spot)]


def _nouns(known: Knowledge, value: str) -> list[Option]:
    """Nouns of other kinds with the same label, so that none is another word for the right one; in the same number."""
    nouns = lexicon().nouns
    right = nouns[value]
    said = {nouns[word].singular for word in known.words if word in nouns}
    return [
        (form if noun.bare else article(form), noun.singular)
        for form, noun in nouns.items()
        if noun.plural == right.plural
        and noun.kind is not right.kind
        and noun.kind.label == right.kind.label
        and noun.singular not in said
    ]
