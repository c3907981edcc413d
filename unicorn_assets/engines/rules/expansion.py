"""Expansions: a seed as a sentence, with light, surfaces, incidental things and composition around it.

A caption is a list of sentences, cut at a drawn length. What the seed says decides what may be added: the kind of
scene, light that it names, emptiness, black and white, a viewpoint of its own.
"""

from collections.abc import Callable, Iterator

from unicorn_assets.engines.rules.clauses import Clauses
from unicorn_assets.engines.rules.draws import Draws
from unicorn_assets.engines.rules.grammar import lowered, raised
from unicorn_assets.engines.rules.seedscan import Scan, scan

_SHORTEST = 78
_SPREAD = 34
_LONGEST = 150  # an addition of up to 30 words may still follow

_LONG_PHRASE = 12
_FOOD_SCENES = frozenset({"table", "kitchen", "shop"})

_PLACES = (
    ("takes up the middle of the view", "take up the middle of the view"),
    ("fills most of the view", "fill most of the view"),
    ("occupies the centre of the scene", "occupy the centre of the scene"),
    ("holds the middle of the scene", "hold the middle of the scene"),
    ("forms the main subject", "form the main subject"),
    ("is at the centre", "are at the centre"),
)


def expand(seed: str, number: int) -> str:
    """A paragraph of 51 to 180 words that has every content word of the seed.

    Only a seed of more than about 130 words makes it longer: then little or nothing is added.

    Args:
        seed: the caption seed, in any state.
        number: the row's seed; with the text it decides every choice.
    """
    draws = Draws(number, seed)
    read = scan(seed)
    clauses = Clauses(read, draws)
    sentences = _beginning(read, clauses, draws)
    # Words by both readings, parted by space and as the meters see them: odd text may have more of either.
    count = max(sum(map(_count, sentences)), _count(sentences[0]) + len(read.words))
    target = min(_SHORTEST + draws.below(_SPREAD) + len(read.words), _LONGEST)
    if count < _LONGEST:
        for sentence in _additions(read, clauses, draws):
            sentences.append(sentence)
            count += _count(sentence)
            if count >= target:
                break
    return " ".join(sentences)


def _beginning(seed: Scan, clauses: Clauses, draws: Draws) -> list[str]:
    """The seed's sentence, with the light before it or joined to it as a modifier."""
    if not seed.text:
        return [_sentence(clauses.of("light", draws.below(3)))]
    long = seed.shape == "phrase" and not seed.joint and len(seed.words) > _LONG_PHRASE
    if seed.shape == "fragment" or long or draws.below(10) < 6:
        return [_sentence(clauses.of("light", draws.below(3))), _sentence(_seed_sentence(seed, draws))]
    modifier = clauses.of("light", draws.pick((3, 3, 3, 4, 4, 4, 5, 6)))
    return [_sentence(f"{modifier}, {lowered(_seed_clause(seed, draws))}")]


def _seed_clause(seed: Scan, draws: Draws) -> str:
    """The seed with a finite verb, which a noun phrase gets."""
    if seed.shape != "phrase":
        return seed.text
    if seed.joint:
        tokens = seed.text.split(" ")
        return " ".join([*tokens[: seed.joint], "are" if seed.plural else "is", *tokens[seed.joint :]])
    return f"{seed.text} {draws.pick(_PLACES)[seed.plural]}"


def _seed_sentence(seed: Scan, draws: Draws) -> str:
    if seed.shape != "phrase" or (len(seed.words) <= _LONG_PHRASE and draws.below(2)):
        return _seed_clause(seed, draws)
    several = seed.plural and seed.words[0] not in ("a", "an")
    return f"there {'are' if several else 'is'} {lowered(seed.text)}"


def _additions(seed: Scan, clauses: Clauses, draws: Draws) -> Iterator[str]:
    """Sentences in the order of the caption, more than any caption takes."""
    edible = seed.scene.name in _FOOD_SCENES  # where chicken has no feathers
    nouns = [(form, noun) for form, noun in seed.nouns if noun.kind.parts and not (edible and noun.kind.alive)]
    if nouns:
        yield _sentence(clauses.part(*nouns[0]))
    yield _linked([clauses.thing(), clauses.thing()], draws)
    middle: list[Callable[[], list[str]]] = [
        lambda: [clauses.ground(), clauses.of("shade")],
        lambda: [clauses.thing(), clauses.background()],
    ]
    if len(nouns) > 1:
        middle.append(lambda: [clauses.part(*nouns[1])])
    for write in draws.shuffled(middle):
        yield _linked(write(), draws)
    if not seed.angled:
        yield _sentence(clauses.of("frame"))
    yield _sentence(clauses.of("focus"))
    while clauses.spots_left:
        yield _sentence(clauses.thing())


def _linked(clauses: list[str], draws: Draws) -> str:
    """Clauses as one sentence or as several; empty ones are left out."""
    clauses = [clause for clause in clauses if clause]
    if len(clauses) == 1:
        return _sentence(clauses[0])
    first, second = clauses
    link = draws.pick((", while ", "; ", ". ", ", and "))
    return _sentence(f"{first}{link}{raised(second) if link == '. ' else second}")


def _sentence(text: str) -> str:
    ends = text.endswith(("!", "?"))
    return raised(text) if ends else f"{raised(text)}."


def _count(sentence: str) -> int:
    return sentence.count(" ") + 1
