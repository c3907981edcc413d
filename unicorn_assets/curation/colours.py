"""Which colour words could name one colour: families, and families that people do not tell apart reliably."""

from collections.abc import Mapping
from itertools import combinations

from unicorn_assets.text import word_set

_WORDS: Mapping[str, str] = {
    "red": "red crimson scarlet maroon burgundy ruby cherry brick-red auburn",
    "pink": "pink rose magenta fuchsia salmon coral",
    "orange": "orange rust rusty copper tangerine peach apricot ginger amber coral salmon terracotta auburn",
    "yellow": "yellow gold golden mustard amber lemon blond blonde straw sand sandy cream creamy",
    "green": "green emerald olive lime mint teal turquoise khaki sage jade",
    "blue": "blue navy azure teal turquoise cobalt indigo cyan sapphire",
    "purple": "purple violet lavender lilac plum mauve magenta indigo burgundy",
    "brown": "brown tan beige chestnut chocolate bronze tawny khaki fawn maroon auburn walnut mahogany sand sandy",
    "white": "white ivory cream creamy whitewashed pearl snowy beige",
    "gray": "grey gray silver silvery charcoal slate ash ashen",
    "black": "black ebony charcoal jet navy",
}
_ADJACENT = frozenset(
    frozenset(pair.split("-"))
    for pair in word_set(
        "red-pink red-orange red-brown red-purple orange-yellow orange-brown yellow-brown yellow-white yellow-green "
        "gray-white gray-black gray-blue gray-brown gray-green blue-purple blue-green blue-black purple-pink "
        "brown-black pink-orange pink-white"
    )
)

FAMILIES: Mapping[str, frozenset[str]] = {
    word: frozenset(family for family, words in _WORDS.items() if word in words.split())
    for word in " ".join(_WORDS.values()).split()
}
"""The families of each colour word; a word at a border belongs to more than one."""


def families(token: str) -> frozenset[str]:
    """The colour families that a lower-case word names, also a hyphenated one like `cream-coloured`; empty if none."""
    if token in FAMILIES:
        return FAMILIES[token]
    if "-" not in token:
        return frozenset()
    return frozenset[str]().union(*(FAMILIES.get(part, frozenset()) for part in token.split("-")))


def differ(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether no family of `one` is in `other` or next to one of it, so that both cannot describe one thing."""
    together = one | other
    return not one & other and not any(
        frozenset(pair) in _ADJACENT for pair in combinations(sorted(together), 2) if len(set(pair) & one) == 1
    )
