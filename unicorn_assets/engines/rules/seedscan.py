"""What a seed says: its words, its kind of scene, and what must not be contradicted."""

from dataclasses import dataclass

from unicorn_assets.engines.rules.grammar import Shape, joint, shape
from unicorn_assets.engines.rules.lexicon import Noun, Scene, cues, lexicon
from unicorn_assets.text import FUNCTION_WORDS, words


@dataclass(frozen=True, slots=True)
class Scan:
    """What a seed says.

    Args:
        text: the seed in one line, without the punctuation at its end; empty if it has no words.
        words: its words, lower case, in order.
        shape: `clause` has a finite verb, `phrase` is a noun phrase (a clause but for a missing "is"), `fragment` is
            anything else and is best left as it stands.
        plural: whether the noun phrase is plural.
        joint: position in `text.split()` of the participle that "is" belongs before, 0 if there is none.
        scene: its kind of scene.
        nouns: known nouns with their forms, in order, none twice, none negated or merely depicted.
        dark, lit, mono, bare, angled, close: whether the seed says so about light, colour, emptiness and viewpoint.
    """

    text: str
    words: list[str]
    shape: Shape
    plural: bool
    joint: int
    scene: Scene
    nouns: list[tuple[str, Noun]]
    dark: bool
    lit: bool
    mono: bool
    bare: bool
    angled: bool
    close: bool


def scan(seed: str) -> Scan:
    """Reads a seed; never fails, whatever it is."""
    cue = cues()
    tokens = words(seed)
    present = set(tokens)
    text = _one_line(seed, tokens)
    form, plural = shape(tokens)
    return Scan(
        text=text,
        words=tokens,
        shape=form,
        plural=plural,
        joint=joint(text.lower().split()) if form == "phrase" else 0,
        scene=_scene(tokens),
        nouns=[] if present & cue["depicted"] else known_nouns(tokens),
        dark=not present.isdisjoint(cue["dark"]),
        lit=not present.isdisjoint(cue["lit"]),
        mono="black-and-white" in present or "monochrome" in present or "black and white" in seed.lower(),
        bare=not present.isdisjoint(cue["bare"]),
        angled=not present.isdisjoint(cue["angled"]),
        close=not present.isdisjoint(cue["close"]),
    )


def known_nouns(tokens: list[str]) -> list[tuple[str, Noun]]:
    """Known nouns among lower-case words: heads only (`dog` in "dog bed" is none), not negated, each once."""
    cue = cues()
    nouns, found = lexicon().nouns, {}
    last = len(tokens) - 1
    for place, token in enumerate(tokens):
        noun = nouns.get(token)
        if noun is None or noun.singular in found or (place and tokens[place - 1] in cue["not"]):
            continue
        after = tokens[place + 1] if place < last else "and"
        before = tokens[place - 1] if place else ""
        participle = after.endswith(("ing", "ed")) and after not in nouns
        if before != "hot" and (participle or after in FUNCTION_WORDS or after in cue["verbs"]):
            found[noun.singular] = (token, noun)
    return list(found.values())


def _one_line(seed: str, tokens: list[str]) -> str:
    if not tokens:
        return ""
    text = " ".join(seed.split()).rstrip(" .,;:-–—")
    if text.isupper() and len(tokens) > 2:
        return text.lower()  # shouting reads badly, and content words are compared in lower case
    return text


def _scene(tokens: list[str]) -> Scene:
    cue = cues()
    lists = lexicon()
    votes: dict[int, int] = {}
    depicted = not cue["depicted"].isdisjoint(tokens)
    for token in tokens:
        if depicted and token in lists.nouns and lists.nouns[token].kind.alive:
            continue  # a toy bear does not live in the woods
        for place in lists.scene_words.get(token, ()):
            votes[place] = votes.get(place, 0) + (1 if place else 2)  # what flies has left the airport
    if not votes:
        return lists.scenes[-1]
    return lists.scenes[min(votes, key=lambda place: (-votes[place], place))]
