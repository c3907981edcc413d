"""What a text states of counts, colours and places, read by rule: only what its wording settles.

No parser of grammar: a reading that could be wrong is left out, so that nothing is held against a text without need.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from unicorn_assets.curation import grammar
from unicorn_assets.curation.colours import families
from unicorn_assets.curation.grammar import is_plural, number
from unicorn_assets.curation.inflection import stem
from unicorn_assets.text import FUNCTION_WORDS, word_set

_TOKEN = re.compile(r"\d+(?:[.,/:]\d+)+|[^\W_]+(?:['’\-][^\W_]+)*|[.,;:!?()\[\]\"“”—–]")
_ENDS = frozenset(".;!?")

_DESCRIBING = re.compile(r"(?:en|ed|ing|y|ic|ous|al|ful|less|ish)\Z")
"""Endings of words that say how a thing is, and are not the thing."""

_AFTER_NOUN = FUNCTION_WORDS | grammar.POSED | {"left", "right"}
_NOT_COUNTED = FUNCTION_WORDS - grammar.CLOSED


@dataclass(frozen=True, slots=True)
class Relation:
    """`one` stands in `place` to `other`; `place` is normalised, so that `under` and `below` are one."""

    one: str
    place: str
    other: str


INVERSE = {"left": "right", "right": "left", "above": "below", "below": "above", "front": "behind", "behind": "front"}
"""The place that `other` has to `one`."""

_PLACES = (
    (re.compile(r"(?:(?:to|on|at) the )?(?:immediate |far )?left(?:-hand)? (?:side )?of"), "left"),
    (re.compile(r"(?:(?:to|on|at) the )?(?:immediate |far )?right(?:-hand)? (?:side )?of"), "right"),
    (re.compile(r"above|over|on top of|atop"), "above"),
    (re.compile(r"below|under|underneath|beneath"), "below"),
    (re.compile(r"in front of"), "front"),
    (re.compile(r"behind"), "behind"),
)
_LONGEST_PLACE = 6
_STARTS = word_set(
    "left right above over atop below under underneath beneath behind to on at in immediate far left-hand right-hand"
)


def tokens(text: str) -> list[str]:
    """Lower-case words, numbers and punctuation in order."""
    return _TOKEN.findall(text.lower())


@dataclass(frozen=True)
class Statements:
    """What one text states.

    Args:
        text: the text.
    """

    text: str

    @cached_property
    def tokens(self) -> list[str]:
        """Words and punctuation in order."""
        return tokens(self.text)

    @cached_property
    def stems(self) -> list[str]:
        """The stem of each token."""
        return [stem(token) for token in self.tokens]

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Where each stem stands among the tokens."""
        found: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(self.stems):
            found[one].append(place)
        return dict(found)

    @cached_property
    def sentences(self) -> list[int]:
        """Number of the sentence of each token."""
        count, numbers = 0, []
        for token in self.tokens:
            numbers.append(count)
            count += token in _ENDS
        return numbers

    @cached_property
    def _counted(self) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
        firm: dict[str, set[int]] = defaultdict(set)
        loose: dict[str, set[int]] = defaultdict(set)
        words = self.tokens
        for place, token in enumerate(words):
            exact = number(token) if token not in ("one", "1") else None
            start = place + 1
            if exact is None and token in grammar.GROUPS and words[start : start + 1] == ["of"]:
                exact, start = grammar.GROUPS[token], start + 1
            if exact is None and (token == "both" or (token == "couple" and words[start : start + 1] == ["of"])):
                exact, start = 2, start + (token == "couple")
            if exact is None or exact < 2:
                continue
            noun = self._plural_after(start)
            if noun is None:
                continue
            before, after = words[max(place - 2, 0) : place], words[place + 1 : place + 2]
            before = before[:1] if before[1:] == ["a"] else before[-1:]
            vague = (
                {*before} & (grammar.VAGUE | grammar.PARTIAL)
                or after in (["or"], ["to"])
                or token in ("both", "couple")
            )
            (loose if vague else firm)[noun].add(exact)
        return dict(firm), dict(loose)

    @property
    def counts(self) -> dict[str, set[int]]:
        """The stem of each counted thing, with the numbers that the text gives it, 2 and more."""
        return self._counted[0]

    @property
    def loose_counts(self) -> dict[str, set[int]]:
        """The same of numbers that are about right or tell a part: `about ten`, `both`, `the other two`."""
        return self._counted[1]

    def _plural_after(self, start: int) -> str | None:
        """Stem of the plural noun that a number counts; None where it counts something else, like rows of trees."""
        words = self.tokens
        for place in range(start, min(start + 4, len(words))):
            token = words[place]
            if is_plural(token):
                return None if words[place + 1 : place + 2] == ["of"] else self.stems[place]
            if token != "," and (token in _NOT_COUNTED or not token[0].isalpha() or number(token)):
                return None
        return None

    @cached_property
    def singles(self) -> set[str]:
        """Stems of the things that the text says there is one of, where what follows shows that they are nouns."""
        found, words = set(), self.tokens
        plural = {self.stems[place] for place, token in enumerate(words) if is_plural(token)}
        for place, token in enumerate(words):
            if token not in grammar.ARTICLES:
                continue
            for noun in range(place + 1, min(place + 4, len(words))):
                if words[noun] in FUNCTION_WORDS or not words[noun][0].isalpha():
                    break
                following = words[noun + 1] if noun + 1 < len(words) else "."
                if following == "of":
                    break
                if following in _AFTER_NOUN or not following[0].isalnum():
                    if not is_plural(words[noun]) and words[noun] not in FUNCTION_WORDS:
                        found.add(self.stems[noun])
                    break
        return found - plural

    def singular(self, noun: str) -> bool:
        """Whether a thing is spoken of in the singular anywhere."""
        return any(not is_plural(self.tokens[place]) for place in self.places.get(noun, ()))

    @cached_property
    def colours(self) -> dict[str, frozenset[str]]:
        """The stem of each thing that has a colour right before it, with the families of its colours."""
        found: dict[str, frozenset[str]] = {}
        words = self.tokens
        for place, token in enumerate(words):
            if not families(token) or (place + 1 < len(words) and families(words[place + 1])):
                continue
            noun = self._coloured(place + 1)
            if noun is not None:
                found[noun] = found.get(noun, frozenset()).union(*self._run_of_colours(place))
        return found

    def _coloured(self, start: int) -> str | None:
        for place in range(start, min(start + 3, len(self.tokens))):
            token = self.tokens[place]
            if token in FUNCTION_WORDS or not token[0].isalpha():
                return None
            following = self.tokens[place + 1] if place + 1 < len(self.tokens) else "."
            ends = following in _AFTER_NOUN or not following[0].isalpha() or following.endswith(("s", "ing", "ed"))
            if (ends or is_plural(token)) and not (_DESCRIBING.search(token) or token in grammar.MODIFIERS):
                return self.stems[place]
        return None

    def _run_of_colours(self, last: int) -> Iterator[frozenset[str]]:
        place = last
        while place >= 0 and (families(self.tokens[place]) or self.tokens[place] in ("and", "or", ",")):
            yield families(self.tokens[place])
            place -= 1

    @cached_property
    def _placings(self) -> list[tuple[int, str, int]]:
        """Where a wording of place begins, what it says, and where it ends."""
        found, place = [], 0
        while place < len(self.tokens):
            match = self._place_at(place) if self.tokens[place] in _STARTS else None
            if match is None:
                place += 1
            else:
                found.append((place, *match))
                place = match[1]
        return found

    @cached_property
    def relations(self) -> list[Relation]:
        """Which thing stands where to which other one."""
        things = ((self._thing_before(start), name, self._thing_after(end)) for start, name, end in self._placings)
        return [Relation(one, name, other) for one, name, other in things if one and other and one != other]

    def may_state(self, relation: Relation) -> bool:
        """Whether a wording of this place stands in one sentence between the two things, however far from them."""
        for start, name, end in self._placings:
            inside = self.sentences[start]
            one = any(place < start and self.sentences[place] == inside for place in self.places.get(relation.one, ()))
            other = any(
                place >= end and self.sentences[place] == inside for place in self.places.get(relation.other, ())
            )
            if name == relation.place and one and other:
                return True
        return False

    def _place_at(self, start: int) -> tuple[str, int] | None:
        for end in range(min(start + _LONGEST_PLACE, len(self.tokens)), start, -1):
            phrase = " ".join(self.tokens[start:end])
            for pattern, name in _PLACES:
                if pattern.fullmatch(phrase):
                    return name, end
        return None

    def _thing_before(self, end: int) -> str | None:
        for place in range(end - 1, max(end - 5, -1), -1):
            token = self.tokens[place]
            if token in grammar.POSED or token.endswith(("ing", "ed", "ly")):
                continue
            return None if token in FUNCTION_WORDS or not token[0].isalpha() else self.stems[place]
        return None

    def _thing_after(self, start: int) -> str | None:
        last = None
        for place in range(start, min(start + 5, len(self.tokens))):
            token = self.tokens[place]
            if token in grammar.CLOSED and last is None:
                continue
            if token in FUNCTION_WORDS or not token[0].isalpha() or token in grammar.POSED or token.endswith("ing"):
                break
            if not (token.endswith(("ed", "ly")) or families(token)):
                last = self.stems[place]
        return last

    def negated(self, noun: str) -> bool:
        """Whether the text speaks of a thing only to say that there is none."""
        mentions = self.places.get(noun, ())
        return bool(mentions) and all(self._denied(place) for place in mentions)

    def _denied(self, place: int) -> bool:
        before: Sequence[str] = self.tokens[max(place - 2, 0) : place]
        return before[-1:] == ["no"] or before in (["without", "a"], ["without", "any"]) or before[-1:] == ["without"]
