"""Answers to single questions: read off a caption where there is one, guessed from the row's seed where there is none.

Reading is by words alone: the sentence of the caption that shares most with the question and, of options, the one whose
words stand in such a sentence. So it answers as a careless reader does, and says nothing of what a model would.
"""

import re
from collections.abc import Sequence

from unicorn_assets.curation.dialogs import LETTERS
from unicorn_assets.curation.inflection import stem
from unicorn_assets.curation.questions import meaning, question_type
from unicorn_assets.engines.rules.draws import Draws
from unicorn_assets.text import FUNCTION_WORDS, words

_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_FUNCTION_STEMS = frozenset(map(stem, FUNCTION_WORDS))
_IN_PLACE = 0.5
"""What it is worth that a sentence is about what is asked, beside that it has the option's words."""
_TOLD = 0.75
"""Least share of a question's words in one sentence that stands for a yes."""


def read(question: str, options: Sequence[str], caption: str, number: int) -> str:
    """The answer that a caption gives: a letter, yes or no, or one of its sentences.

    Args:
        question: what is asked.
        options: the options in the order of their letters; empty where there are none.
        caption: what is known.
        number: the row's seed; draws among options that stand equal.
    """
    asked = _stems(question)
    sentences = [(sentence, _stems(sentence)) for sentence in _SENTENCE.split(caption)]
    if options:
        worth = [max(_worth(_stems(option), asked, told) for _, told in sentences) for option in options]
        best = [place for place, found in enumerate(worth) if found == max(worth)]
        return LETTERS[Draws(number, question).pick(best)]
    sentence, told = max(sentences, key=lambda one: len(one[1] & asked))
    if question_type(question) == "yes/no" and "or" not in words(question):
        return "Yes." if _share(asked, told) >= _TOLD else "No."
    return sentence


def guess(question: str, options: Sequence[str], number: int) -> str:
    """An answer drawn by the row's seed, by chance alone: an option's letter, or yes or no.

    Args:
        question: what is asked.
        options: the options in the order of their letters; empty where there are none.
        number: the row's seed.
    """
    draws = Draws(number, question)
    return draws.pick(LETTERS[: len(options)]) if options else draws.pick(("Yes.", "No."))


def _stems(text: str) -> frozenset[str]:
    return frozenset(meaning(text)) - _FUNCTION_STEMS


def _worth(option: frozenset[str], asked: frozenset[str], told: frozenset[str]) -> float:
    found = _share(option, told)
    return found + _IN_PLACE * _share(asked, told) if found else 0.0


def _share(part: frozenset[str], whole: frozenset[str]) -> float:
    return len(part & whole) / len(part) if part else 0.0
