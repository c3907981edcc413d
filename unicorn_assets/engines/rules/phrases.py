"""Sentence forms: writing a clause from values, and reading the values back from a clause.

A form is a line of `forms.toml` with named slots. What a slot may hold decides how it is read back, so that a fact is
only found where the same form could have written it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from unicorn_assets.engines.rules.lexicon import lexicon, read

_SLOT = re.compile(r"\{(a:)?(\w+)\}")
_ENDS = re.compile(r"[.;](?:\s+|$)|, while |, and (?=an? |the |[a-z]+ shadows|shadows)")
_LIKE_YOU = ("uni", "ute", "uti")
_SPELT_OUT = 80
_ONE_WORD = r"[^\W_]+(?:['’-][^\W_]+)*"


@dataclass(frozen=True, slots=True)
class Ask:
    """Questions about one value of a fact, and answers in full; `choice` where values exclude each other."""

    role: str
    choice: bool
    questions: tuple[str, ...]
    replies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forms:
    """The clauses of one kind of fact, their patterns, and what may be asked."""

    clauses: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a caption says: its kind (a table of `forms.toml`) and its values by role."""

    kind: str
    values: Mapping[str, str]


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it, by its first letters; `_LIKE_YOU` covers what the word lists hold."""
    return f"an {phrase}" if phrase[0] in "aeiou" and not phrase.startswith(_LIKE_YOU) else f"a {phrase}"


@cache
def forms() -> dict[str, Forms]:
    """All forms by kind."""
    return {kind: _forms(kind, table) for kind, table in read("forms").items()}


def fill(clause: str, values: Mapping[str, str]) -> str:
    """The clause or question with its slots filled; `{a:x}` takes the article of what it holds.

    Raises:
        KeyError: a slot has no value.
    """
    text, parts = _compiled(clause)
    return text % tuple([article(values[role]) if with_article else values[role] for role, with_article in parts])


@cache
def roles(clause: str) -> tuple[str, ...]:
    """The roles of the clause's slots, in order."""
    return tuple(role for role, _ in _compiled(clause)[1])


def facts(caption: str) -> Iterator[Fact]:
    """Every fact that a clause of the caption states in one of the forms, in order."""
    known = pools()
    for clause in _ENDS.split(caption):
        for start in _starts(clause):
            yield from _fact(start, known)


def _starts(clause: str) -> Iterator[str]:
    """The clause in lower case, and what stands before or after its commas: a modifier may be joined to a sentence."""
    clause = clause.strip().lower()
    yield clause
    places = [match.start() for match in re.finditer(", ", clause)]
    for place in places:
        yield clause[:place]
        yield clause[place + 2 :]


def _fact(clause: str, known: Mapping[str, frozenset[str]]) -> Iterator[Fact]:
    for kind, table in forms().items():
        for pattern in table.patterns:
            match = pattern.fullmatch(clause)
            if match and all(value in known[f"{kind}.{role}"] for role, value in match.groupdict().items()):
                yield Fact(kind, match.groupdict())
                return


@cache
def pools() -> dict[str, frozenset[str]]:
    """What each role of each kind may hold."""
    lists, words = lexicon(), lexicon().lists
    colours = frozenset(colour for pool in lists.colours.values() for colour in pool)
    groups = lists.groups.values()
    kinds = {noun.kind for noun in lists.nouns.values()}
    looks = frozenset(look for kind in kinds for look in kind.looks)
    own = {
        "thing.item": frozenset(lists.things),
        "thing.colour": colours,
        "thing.adj": frozenset(adjective for group in groups for adjective in group.adjectives),
        "thing.verb": frozenset(verb for group in groups for verb in group.verbs),
        "thing.detail": frozenset(detail for group in groups for detail in group.details),
        "thing.spot": lists.spots,
        "light.noun": frozenset(words["light"]["day_noun"]),
        "light.tint": frozenset((*words["light"]["tint"], *words["light"]["plain_tint"], *words["light"]["dark_tint"])),
        "light.direction": frozenset(way for way, _ in lists.directions),
        "shade.shadow": frozenset(shadow for _, shadow in lists.directions),
        "shade.adjective": frozenset(words["shadow"]["adjective"]),
        "shade.verb": frozenset(words["shadow"]["verb"]),
        "back.back": frozenset(back for scene in lists.scenes for back in scene.backs),
        "ground.ground": frozenset(ground for scene in lists.scenes for ground in scene.grounds),
        "part.part": frozenset(part for kind in kinds for part in kind.parts),
        "part.noun": frozenset(lists.nouns),
        "part.look": looks,
        "part.second": looks,
    }
    shared = {
        f"{kind}.{role}": frozenset(pool)
        for kind, section in (("light", "light"), ("ground", "texture"), ("frame", "frame"), ("focus", "frame"))
        for role, pool in words[section].items()
    }
    return shared | own


@cache
def _compiled(clause: str) -> tuple[str, tuple[tuple[str, bool], ...]]:
    """The clause as a text with `%s` for its slots, and of each slot the role and whether it takes an article."""
    return _SLOT.sub("%s", clause), tuple((slot[2], bool(slot[1])) for slot in _SLOT.finditer(clause))


def _forms(kind: str, table: Mapping[str, Any]) -> Forms:
    clauses = tuple(table["clauses"])
    asks = tuple(
        Ask(ask["role"], ask.get("choice", False), tuple(ask["questions"]), tuple(ask["replies"]))
        for ask in table["ask"]
    )
    return Forms(clauses, tuple(_pattern(kind, clause) for clause in clauses), asks)


def _pattern(kind: str, clause: str) -> re.Pattern[str]:
    """A pattern that reads a clause back. Short pools are spelt out, so that they part two slots of several words."""
    known = pools()
    text, parts = _compiled(clause)
    readers = []
    for role, with_article in parts:
        values = known[f"{kind}.{role}"]
        if role != "verb" and all(" " not in value for value in values):
            value = _ONE_WORD
        else:
            value = "|".join(map(re.escape, sorted(values))) if len(values) <= _SPELT_OUT else ".+?"
        readers.append(f"{'an? ' if with_article else ''}(?P<{role}>{value})")
    return re.compile(re.escape(text) % tuple(readers))
