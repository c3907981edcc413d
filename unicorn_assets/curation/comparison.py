"""Whether two answers to one question say the same: letters, yes or no, numbers, and free answers by their words.

By rule. Letters, yes or no and numbers are exact. Free answers agree where the shorter one shares enough of its content
words with the other (overlap coefficient, Szymkiewicz 1934 and Simpson 1943) and neither contradicts the other in what
`faithfulness` reads; a paraphrase in other words is taken for a difference.
"""

import re
from collections.abc import Sequence
from typing import Literal

from unicorn_assets.curation.dialogs import LETTERS
from unicorn_assets.curation.faithfulness import contradictions
from unicorn_assets.curation.grammar import number
from unicorn_assets.curation.questions import claim_of, meaning, question_type
from unicorn_assets.curation.statements import Statements
from unicorn_assets.text import word_set, words

COMPARISON_VERSION = 1
"""Bumped by hand when a verdict changes; a golden test tells when that is due."""

Form = Literal["choice", "yes_no", "open"]
Verdict = Literal["agrees", "differs", "unreadable"]

_YES, _NO = word_set("yes yeah yep"), word_set("no nope")
_DENIES = word_set("no not none nobody nothing nowhere neither without")
_OPPOSITES = (
    (word_set("left"), word_set("right")),
    (word_set("on above over atop top"), word_set("under below beneath underneath bottom")),
    (word_set("front foreground"), word_set("behind background back")),
    (word_set("in inside indoors"), word_set("outside outdoors")),
)
_START = re.compile(
    r"\W{0,5}(?:(?:the )?(?:(?:correct|right|best|final) )?(?:answer|option|choice)(?: is)?\W{0,5})?"
    r"([A-Da-d])(?=\W{0,5}\Z|[).:,*\]]|\s+[-–—]\s)",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(r"\b(?:answer|option|choice)(?: is)?\W{1,5}([A-D])\b(?!['’])", re.IGNORECASE)


def form_of(question: str, answer: str, options: Sequence[str]) -> Form:
    """What kind of answer a question has, by the right one."""
    if options:
        return "choice"
    return "yes_no" if question_type(question) == "yes/no" and polarity(answer) is not None else "open"


def polarity(answer: str) -> bool | None:
    """Whether an answer begins with yes or with no; None where it does neither."""
    first = words(answer)[:1]
    return True if not _YES.isdisjoint(first) else False if not _NO.isdisjoint(first) else None


def letter_of(answer: str, options: Sequence[str]) -> str | None:
    """The letter of the option that an answer chooses, by its letter or its text; None where it cannot be told."""
    letters = LETTERS[: len(options)]
    said = words(answer)
    texts = [letter for letter, option in zip(letters, options, strict=True) if said == words(option)]
    if len(texts) == 1:
        return texts[0]
    start = _START.match(answer)
    if start is not None:
        return _known(start.group(1), letters)
    lettered = [
        letter
        for letter, option in zip(letters, options, strict=True)
        if said[:1] == [letter.lower()] and said[1:] == words(option)
    ]
    if lettered:
        return lettered[0]
    named = {found.upper() for found in _ANYWHERE.findall(answer)}
    return _known(named.pop(), letters) if len(named) == 1 else None


def _known(letter: str, letters: str) -> str | None:
    return letter.upper() if letter.upper() in letters else None


def compare(question: str, expected: str, options: Sequence[str], answer: str, min_overlap: float) -> Verdict:
    """Whether an answer says what was expected.

    Args:
        question: what was asked.
        expected: the dialog's answer; the letter of the right option where there are options.
        options: the options in the order of their letters; empty where there are none.
        answer: what was answered.
        min_overlap: least share of the shorter free answer's content words that the other has.
    """
    if not words(answer):
        return "unreadable"
    form = form_of(question, expected, options)
    if form == "choice":
        letter = letter_of(answer, options)
        return "unreadable" if letter is None else _agree(letter == expected)
    if form == "yes_no":
        found = polarity(answer)
        return "unreadable" if found is None else _agree(found == polarity(expected))
    return _agree(_free(question, expected, answer, min_overlap))


def _agree(same: bool) -> Verdict:
    return "agrees" if same else "differs"


def _free(question: str, expected: str, answer: str, min_overlap: float) -> bool:
    counting = question_type(question) == "how many"
    wanted, found = _numbers(expected, counting), _numbers(answer, counting)
    if counting and wanted:
        return bool(wanted & found)
    if wanted and found and wanted.isdisjoint(found):
        return False
    if _denies(expected) != _denies(answer) or _opposed(expected, answer):
        return False
    (mine, total), (other, _) = claim_of(question, expected), claim_of(question, answer)
    if contradictions(Statements(mine), Statements(other), counts=total):
        return False
    one, two = frozenset(meaning(expected)), frozenset(meaning(answer))
    asked = frozenset(meaning(question))
    if one - asked and two - asked:  # an answer that chooses among what its question names adds nothing
        one, two = one - asked, two - asked
    least = min(len(one), len(two))
    return bool(least) and len(one & two) / least >= min_overlap


def _numbers(text: str, counting: bool) -> set[int]:
    """The numbers in an answer; `one` is mostly a pronoun where nothing is counted."""
    found = (number(word) for word in words(text) if counting or word != "one")
    return {one for one in found if one is not None}


def _opposed(one: str, other: str) -> bool:
    """Whether one answer names a place and the other its opposite alone."""
    mine, theirs = set(words(one)), set(words(other))
    return any(
        (mine & a and theirs & b and not mine & b and not theirs & a)
        or (mine & b and theirs & a and not mine & a and not theirs & b)
        for a, b in _OPPOSITES
    )


def _denies(text: str) -> bool:
    return not _DENIES.isdisjoint(words(text))
