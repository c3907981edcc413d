"""How a seed stands as a sentence: a clause, a noun phrase or neither; and how it fits into one.

By cues, without a parser: where they are unsure, a seed counts as a fragment, which then stands as it is.
"""

from itertools import pairwise
from typing import Literal

from unicorn_assets.engines.rules.lexicon import cues
from unicorn_assets.text import FUNCTION_WORDS

Shape = Literal["clause", "phrase", "fragment"]


def lowered(text: str) -> str:
    """The text with its first word in lower case where that is a common one, to stand inside a sentence."""
    cue = cues()
    first, blank, rest = text.partition(" ")
    return f"{first.lower()}{blank}{rest}" if first.lower() in cue["lowered"] else text


def raised(text: str) -> str:
    """The text with a capital at its start; other than a to z stay, since their capitals may be other words."""
    return text[0].upper() + text[1:] if text[:1].isascii() else text


def shape(tokens: list[str]) -> tuple[Shape, bool]:
    """Whether the words are a clause, a noun phrase or neither; and whether the phrase is plural."""
    cue = cues()
    if not tokens or tokens[0] in cue["relative"]:
        return "fragment", False
    if _finite(tokens):
        return "clause", False
    if any(token in cue["source"] for token in tokens[:5]) or _doubtful(tokens):
        return "fragment", False
    first = tokens[0]
    if first in cue["plural"] or tokens[:2] == ["a", "couple"] or first in cue["irregular"]:
        return "phrase", True
    joined = not {("and", "a"), ("and", "an")}.isdisjoint(pairwise(tokens[1:6]))
    return ("phrase" if first in cue["singular"] and len(tokens) > 1 else "fragment"), joined


def _finite(tokens: list[str]) -> bool:
    """Whether a finite verb is likely: an auxiliary, a common verb, or a content word right before a determiner."""
    cue = cues()
    for place, token in enumerate(tokens[1:], start=1):
        before = tokens[place - 1]
        if before in cue["relative"]:
            continue
        if token in cue["auxiliaries"]:
            return True
        if token in cue["verbs"] and not any(before in cue[name] for name in ("determiners", "links", "plural")):
            return True
        if token in cue["determiners"] and before not in FUNCTION_WORDS and not before.endswith("ing"):
            return True
    return False


def _doubtful(tokens: list[str]) -> bool:
    """Whether a verb that is not known may hide among nouns: as in "a toddler STACKS blocks", "two men BEAT drums"."""
    cue = cues()
    singular, plural = False, False
    for place, token in enumerate(tokens):
        if token in FUNCTION_WORDS:
            singular, plural = token in cue["singular"], False
            continue
        if token.endswith(("ing", "ed")):
            singular, plural = singular and tokens[place - 1] in cue["singular"], False
            continue
        if plural:
            return True
        plural = token in cue["irregular"] or (token.endswith("s") and not token.endswith(("ss", "us", "is")))
        if plural and singular:
            return True
    return False


def joint(tokens: list[str]) -> int:
    """Place of the participle that follows the subject and leads on, as in "dog STANDING on"; 0 if there is none."""
    cue = cues()
    for place in range(2, min(len(tokens), 9)):
        token, before = tokens[place].strip(",;"), tokens[place - 1]
        if token in cue["breaks"] or before.endswith((",", "ed")):
            return 0
        if not token.endswith("ing") or token in cue["nouns_in_ing"]:
            continue
        after = tokens[place + 1].strip(",;") if place + 1 < len(tokens) else "and"
        return place if before not in FUNCTION_WORDS and (after in FUNCTION_WORDS or after == "next") else 0
    return 0
