"""Word forms that count as one word: simple English inflection, number words and digits. No dictionary, no model."""

import re
from functools import lru_cache

from unicorn_assets.text import words

_SAME = {
    **{"men": "man", "women": "woman", "children": "child", "people": "person", "persons": "person", "feet": "foot"},
    **{"teeth": "tooth", "geese": "goose", "mice": "mouse", "knives": "knife", "leaves": "leaf", "shelves": "shelf"},
    **{"loaves": "loaf", "wolves": "wolf", "calves": "calf", "grey": "gray"},
    **{"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven"},
    **{"8": "eight", "9": "nine", "10": "ten", "11": "eleven", "12": "twelve"},
}
_VOWEL = re.compile(r"[aeiouy]")


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """What a lower-case word shares with its plural, its -ing and -ed forms, and its possessive."""
    word = word.replace("’", "'").removesuffix("'s").removesuffix("'")
    word = _SAME.get(word, word)
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 2 and word.endswith(ending) and _VOWEL.search(word[: -len(ending)]):
            word = word[: -len(ending)]
            break
    if len(word) > 3:
        word = word.removesuffix("e")
    if word.endswith("y"):
        word = word[:-1] + "i"
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word


def parts(text: str) -> list[str]:
    """Lower-case words in order, hyphenated ones split."""
    return [part for word in words(text) for part in word.split("-")]
