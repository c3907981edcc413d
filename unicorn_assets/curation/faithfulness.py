"""Whether a text contradicts what it was made from: counts, colours, places, and things said to be absent.

By rule, and precise rather than eager, since a false alarm throws away an answer that was paid for: what a text adds is
no contradiction, and what it leaves out is for others to judge. The kinds follow what hallucination benchmarks tell
apart (objects, attributes, counts, relations).
"""

from collections.abc import Iterator

from unicorn_assets.curation.colours import differ, families
from unicorn_assets.curation.reasons import Reason
from unicorn_assets.curation.statements import INVERSE, Relation, Statements
from unicorn_assets.text import FUNCTION_WORDS, word_set

_SPLIT = word_set(
    """another other others third fourth fifth sixth seventh eighth ninth tenth remaining rest one last more each
    final"""
)
"""Words that tell a number in parts, so that a smaller number need not be all there are."""


def contradictions(source: Statements, claim: Statements, *, counts: bool = True) -> list[Reason]:
    """What `claim` says against `source`, at most one reason a kind, in a fixed order.

    Args:
        source: what is true: a caption's seed, or the caption that an answer is about.
        claim: what was made of it.
        counts: whether the claim's numbers are of all there are; False where it may speak of some of them.
    """
    kinds = (_counts, _colours, _relations, _absent) if counts else (_colours, _relations, _absent)
    return [found for kind in kinds if (found := next(kind(source, claim), None)) is not None]


def _counts(source: Statements, claim: Statements) -> Iterator[Reason]:
    for noun, wanted in source.counts.items():
        said = claim.counts.get(noun, set())
        if not said or wanted & (said | claim.loose_counts.get(noun, set())):
            continue
        most = sum(wanted)
        fewer = sum(said) < min(wanted) and _SPLIT.isdisjoint(claim.tokens)
        if max(said) > most or fewer:
            yield Reason("count_contradicted", f"{_listed(said)} instead of {_listed(wanted)} ({_word(claim, noun)})")
    for noun in sorted(source.singles - source.counts.keys()):
        said = claim.counts.get(noun, set())
        if said and not claim.singular(noun):
            yield Reason("count_contradicted", f"{_listed(said)} instead of 1 ({_word(claim, noun)})")


def _colours(source: Statements, claim: Statements) -> Iterator[Reason]:
    for noun, wanted in source.colours.items():
        said = claim.colours.get(noun)
        if said and differ(said, wanted) and not _coloured_near(claim, noun, wanted):
            found, true = "/".join(sorted(said)), "/".join(sorted(wanted))
            yield Reason("colour_contradicted", f"{found} instead of {true} ({_word(claim, noun)})")


def _coloured_near(claim: Statements, noun: str, wanted: frozenset[str]) -> bool:
    """Whether a name of the wanted colour stands in a sentence with the thing, or in the next."""
    near = {claim.sentences[place] + step for place in claim.places[noun] for step in (0, 1)}
    return any(families(token) & wanted and claim.sentences[place] in near for place, token in enumerate(claim.tokens))


def _relations(source: Statements, claim: Statements) -> Iterator[Reason]:
    if not source.relations:
        return
    said = {form for one in claim.relations for form in _forms(one)}
    for true in source.relations:
        turned = Relation(true.one, INVERSE[true.place], true.other)
        if turned in said and not any(map(claim.may_state, _forms(true))):
            yield Reason(
                "relation_contradicted",
                f"{_word(claim, true.one)} {turned.place} {_word(claim, true.other)} instead of {true.place}",
            )


def _forms(one: Relation) -> tuple[Relation, Relation]:
    """The relation, seen from either side."""
    return one, Relation(one.other, INVERSE[one.place], one.one)


def _absent(source: Statements, claim: Statements) -> Iterator[Reason]:
    if "no" not in claim.tokens and "without" not in claim.tokens:
        return
    for noun in dict.fromkeys(source.stems):
        word = source.tokens[source.places[noun][0]]
        if word not in FUNCTION_WORDS and word[0].isalpha() and claim.negated(noun) and not _any_denied(source, noun):
            yield Reason("seed_negated", f"said to be absent: {word}")


def _any_denied(source: Statements, noun: str) -> bool:
    return source.negated(noun) or "no" in source.tokens or "without" in source.tokens or "empty" in source.tokens


def _listed(numbers: set[int]) -> str:
    return " and ".join(map(str, sorted(numbers)))


def _word(text: Statements, noun: str) -> str:
    """The thing as the text writes it."""
    return text.tokens[text.places[noun][0]] if noun in text.places else noun
