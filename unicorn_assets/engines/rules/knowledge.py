"""What a caption says, as facts that questions can be asked about.

Clauses of this engine's own are read back exactly (phrases.py). Of any other wording the plain facts are taken: known
nouns, a colour right before a noun, a number before a plural, and what follows from two spots.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from unicorn_assets.engines.rules.lexicon import Noun, lexicon
from unicorn_assets.engines.rules.phrases import Fact, article, facts
from unicorn_assets.engines.rules.seedscan import known_nouns
from unicorn_assets.engines.rules.spots import cell
from unicorn_assets.text import words

_FEW_NOUNS = 3


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a caption says.

    Args:
        words: all its words, and the parts of hyphenated ones.
        told: facts about light, surfaces, incidental things and so on, each once.
        things: those of them that are incidental things.
        nouns: known nouns with their forms, the seed's first.
        subjects: facts about these nouns: what there is, its colour, its number.
        relations: facts that follow from where two things are.
    """

    words: frozenset[str]
    told: tuple[Fact, ...]
    things: tuple[Fact, ...]
    nouns: tuple[tuple[str, Noun], ...]
    subjects: tuple[Fact, ...]
    relations: tuple[Fact, ...]

    def one(self, kind: str) -> Fact | None:
        """The first told fact of a kind."""
        return next((fact for fact in self.told if fact.kind == kind), None)


def learn(seed: str, caption: str) -> Knowledge:
    """Reads a caption. The seed only says which of its nouns matter most."""
    tokens = words(caption)
    present = frozenset(part for token in tokens for part in (token, *token.split("-")))
    told = _told(caption)
    things = tuple(fact for fact in told if fact.kind == "thing")
    nouns = _nouns(seed, tokens, present, all_of_them=not things)
    return Knowledge(
        words=present,
        told=told,
        things=things,
        nouns=nouns,
        subjects=(*_present(nouns), *_painted(tokens, nouns), *_counted(tokens)),
        relations=tuple(_relations(things)),
    )


def _told(caption: str) -> tuple[Fact, ...]:
    """The facts of the caption's clauses, of each kind one; of things one for each name."""
    found: dict[str, Fact] = {}
    for fact in facts(caption):
        found.setdefault(
            fact.values["item"] if fact.kind == "thing" else f"{fact.kind} {fact.values.get('noun')}", fact
        )
    return tuple(found.values())


def _nouns(seed: str, tokens: list[str], present: frozenset[str], *, all_of_them: bool) -> tuple[tuple[str, Noun], ...]:
    """Known nouns of the seed; those of the caption too where the seed has few or all are wanted."""
    of_seed = [(form, noun) for form, noun in known_nouns(words(seed)) if form in present]
    if len(of_seed) >= _FEW_NOUNS and not all_of_them:
        return tuple(of_seed)
    seen = {noun.singular for _, noun in of_seed}
    return (*of_seed, *((form, noun) for form, noun in known_nouns(tokens) if noun.singular not in seen))


def _present(nouns: tuple[tuple[str, Noun], ...]) -> Iterator[Fact]:
    """What there is: the first noun of a class by itself, further ones besides it."""
    first: dict[str, str] = {}
    for form, noun in nouns:
        label = noun.kind.label
        values = {"noun": form, "label": label, "shown": form if noun.bare else article(form)}
        person = label == "person"
        if label not in first:
            first[label] = form
            yield Fact("who" if person else "noun", values)
        else:
            yield Fact("whoelse" if person else "next", values | {"other": first[label]})


def _painted(tokens: list[str], nouns: tuple[tuple[str, Noun], ...]) -> Iterator[Fact]:
    """Colours that stand right before a noun and are not one of several."""
    hues = lexicon().hues
    for form, noun in nouns:
        place = tokens.index(form) if tokens.count(form) == 1 else 0
        colour = tokens[place - 1] if place else ""
        if colour in hues and (place < 2 or tokens[place - 2] not in ("and", "or")):
            plural = {"be": "are", "do": "do"} if noun.plural else {"be": "is", "do": "does"}
            yield Fact("painted", {"noun": form, "colour": colour} | plural)


def _counted(tokens: list[str]) -> Iterator[Fact]:
    """Numbers right before a plural, or with one word between."""
    nouns, seen = lexicon().nouns, set()
    for place, token in enumerate(tokens):
        if token not in lexicon().numbers:
            continue
        form = next((word for word in tokens[place + 1 : place + 3] if word in nouns), "")
        if form and nouns[form].plural and form not in seen and tokens.count(form) == 1:
            seen.add(form)
            yield Fact("count", {"count": token, "noun": form})


def _relations(things: tuple[Fact, ...]) -> Iterator[Fact]:
    """Left or right of, and nearer than, for pairs of things that are on different sides or levels."""
    for place, one in enumerate(things):
        for two in things[place + 1 :]:
            here, there = cell(one.values["spot"]), cell(two.values["spot"])
            names = {"one": one.values["item"], "two": two.values["item"]}
            if {here.side, there.side} == {"left", "right"}:
                yield Fact("sides", names | {"side": here.side})
            if {here.level, there.level} == {"near", "far"}:
                yield Fact("depth", names | {"nearer": names["one" if here.level == "near" else "two"]})
