"""Word lists that show where a noun ends, whether it is one or more, and what number is meant."""

from functools import lru_cache

from unicorn_assets.text import word_set

_UNITS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
_SMALL = {word: number for number, word in enumerate([*_UNITS.split(), "eighteen", "nineteen", "twenty"], start=1)}
_TENS = dict(
    twenty=20,
    thirty=30,
    forty=40,
    fifty=50,
    sixty=60,
    seventy=70,
    eighty=80,
    ninety=90,
)

GROUPS = {"pair": 2, "duo": 2, "trio": 3, "quartet": 4}
"""How many a group of this name has."""

VAGUE = word_set("than least most about around nearly almost roughly over approximately some to or")
"""Stand before a number that is about right only."""

PARTIAL = word_set("other another first last next remaining additional more")
"""Stand before the number of a part."""

ARTICLES = word_set("a an one single lone solitary")
"""Say that there is one."""

CLOSED = word_set("the a an this that these those its his her their some")
"""May stand before a noun."""

MODIFIERS = word_set("metal plastic leather brick stone small large little big old young long short sports")
"""Say how a thing is, without an ending that would tell."""

POSED = word_set(
    """sits stands runs lies walks holds rides eats plays looks jumps waits rests leans crosses flies swims drinks
    sleeps works reads hangs grows floats passes carries wears watches rises stretches extends appears has is are was
    were be being sit stand lie rest hang fly appear seen visible just directly right immediately close slightly far
    high low well with"""
)
"""May stand between a thing and the place that it has."""

_PLURALS = word_set("men women children people feet teeth geese mice sheep deer fish cattle")


@lru_cache(maxsize=1 << 12)
def number(token: str) -> int | None:
    """The whole number that a word or digits name, 1 to 999; None where they name none."""
    if token.isdecimal():
        return int(token) if 0 < int(token) < 1000 else None
    ten, _, unit = token.partition("-")
    if unit:
        tens, units = _TENS.get(ten), _SMALL.get(unit, 10)
        return tens + units if tens and units < 10 else None
    return _SMALL.get(token) or _TENS.get(token) or (12 if token == "dozen" else None)


def is_plural(token: str) -> bool:
    """Whether a word looks like a plural noun."""
    return token in _PLURALS or (
        len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "us", "is", "'s"))
    )
