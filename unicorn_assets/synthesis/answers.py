"""Raw answers into captions and dialogs: what is cut, what is repaired, and what is refused with a reason.

Whatever a model wrote, the outcome is a value or an `InvalidAnswer`, never another exception. What is refused keeps its
raw text in the answer store, so nothing here needs to guess.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from unicorn_assets.curation.dialogs import LETTERS
from unicorn_assets.curation.wording import SOURCE_LEAK
from unicorn_assets.engines.base import DialogTask
from unicorn_assets.identity import row_seed
from unicorn_assets.synthesis.raw import (
    InvalidAnswer,
    InvalidReason,
    answered,
    checked,
    cut_off,
    excerpt,
    not_refused,
    read_json,
)
from unicorn_assets.synthesis.shapes import SHAPES, ChoicePair, Pair
from unicorn_assets.text import words

__all__ = [
    "LETTERS",
    "PARSER_VERSION",
    "Dialog",
    "InvalidAnswer",
    "InvalidReason",
    "Turn",
    "parse_dialog",
    "parse_expansion",
]

PARSER_VERSION = 1
"""Bumped by hand when a parsed value or a refusal changes; a golden test tells when that is due."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its answer.

    Args:
        question: what is asked.
        answer: the answer's text, or the bare letter of the right option.
        options: the four options in the order of their letters; empty where the question has none.
    """

    question: str
    answer: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialog:
    """The turns of one dialog. `repaired` tells that the JSON was broken and a rescue read it."""

    turns: tuple[Turn, ...]
    repaired: bool


_THINKING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(r"\A```\w{0,20}\n(.*?)\n?```\Z", re.DOTALL)
_KIND = r"(?:caption|description|version|paragraph|expansion)"
_PREAMBLE = re.compile(
    r"[*_#\s]*(?:(?:sure|certainly|of course|absolutely)[,.!:]*\s+)?"
    rf"(?:here(?:['’]s| is)\b[^\n:.]{{0,80}}?\b{_KIND}\b[^\n:.]{{0,60}}"
    rf"|(?:the )?(?:(?:expanded|detailed|dense|enhanced|revised|rewritten|final|image) ){{0,3}}{_KIND})[*_]*:[*_\s]*",
    re.IGNORECASE,
)
_WRAPPED = re.compile(
    r"""\A(?:"([^"]*)"|“([^“”]*)”|\*{1,3}([^*]*)\*{1,3}|_{1,2}([^_]*)_{1,2}|'((?:(?!' | ').)*)'|‘([^‘]*)’)\Z""",
    re.DOTALL,
)
_REFUSAL = re.compile(
    r"(?:i['’]?m|i am|we['’]?re|we are) (?:very |so )?(?:sorry|unable)\b|sorry[,.!]|i can(?:not|['’]t)\b|as an ai\b",
    re.IGNORECASE,
)
_NOT_PROSE = re.compile(
    r"```|^[ \t]*(?:[-*•#>|]|\d{1,3}[.)])\s|^[ \t]*[{\[]|\*\*|(?<!\w)[*_]\w|</?[a-z][^<>]{0,200}>"
    r"|^\W{0,8}(?:notes?|explanation|word count|remarks?)\b[^\n.:]{0,40}:|\bword count:",
    re.IGNORECASE | re.MULTILINE,
)
_LETTERED = re.compile(r"\(?[A-D](?:[).:]\s|\Z)")
_CROSS_REFERENCE = re.compile(
    r"\b(?:all|none|both|neither|any|either) of (?:the )?(?:above|below|these|those|others?|options)\b"
    r"|\b(?:both|either|neither) [A-D] (?:and|or|nor) [A-D]\b|\boptions? [A-D]\b",
    re.IGNORECASE,
)


def parse_expansion(text: str, finish_reason: str = "stop") -> str:
    """The caption in an answer: one paragraph with single spaces, without thinking, fence, preamble or quotation marks.

    Args:
        text: the raw answer.
        finish_reason: as the engine reported it; what ran out of room, or was refused, is refused here too.

    Raises:
        InvalidAnswer: there is no caption in it that could be used as it is.
    """
    not_refused(text, finish_reason)
    text = answered(text)
    if finish_reason == "length":
        raise cut_off(text)
    unfinished = _THINKING.search(text)
    if unfinished:
        raise InvalidAnswer("unfinished_thinking", f"thinking without an end: {excerpt(text[unfinished.start() :])}")
    text = _bare(text)
    if not text:
        raise InvalidAnswer("empty", "no caption")
    if _REFUSAL.match(text):
        raise InvalidAnswer("refusal", excerpt(text))
    caption = checked(text)
    foreign = _NOT_PROSE.search(text)
    if foreign:
        raise InvalidAnswer("not_prose", f"not one plain paragraph: {excerpt(text[foreign.start() :])}")
    return caption


def _bare(text: str) -> str:
    """Without a fence, a preamble, and the quotation or emphasis marks that stand around the whole."""
    text = _FENCE.sub(r"\1", text).strip()
    preamble = _PREAMBLE.match(text)
    if preamble:
        text = text[preamble.end() :].strip()
    while wrapped := _WRAPPED.match(text):
        text = wrapped.group(wrapped.lastindex or 0).strip()
    return text


def parse_dialog(task: DialogTask, text: str, sample_id: str, finish_reason: str = "stop") -> Dialog:
    """The dialog in an answer, validated; options shuffled by a draw of the sample, letters balanced over the dialog.

    Args:
        task: which dialog was asked for.
        text: the raw answer.
        sample_id: decides the order of the options.
        finish_reason: as the engine reported it; what ran out of room is read only where its JSON is complete, and
            what was refused not at all.

    Raises:
        InvalidAnswer: there is no valid dialog in it.
    """
    not_refused(text, finish_reason)
    value, repaired = read_json(answered(text), rescue=finish_reason != "length")
    pairs = [_tidy(pair) for pair in _validated(task, value)]
    seen: set[tuple[str, ...]] = set()
    for pair in pairs:
        key = tuple(words(pair.question)) or (pair.question,)
        if key in seen:
            raise InvalidAnswer("repeated_question", excerpt(pair.question))
        seen.add(key)
    letters = _letters(len(pairs), sample_id)
    turns = (_turn(pair, letters[place], sample_id, place) for place, pair in enumerate(pairs))
    return Dialog(turns=tuple(turns), repaired=repaired)


def _validated(task: DialogTask, value: Any) -> Sequence[Pair]:
    try:
        return SHAPES[task].model_validate(value).pairs
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "answer"
        counts: dict[str, InvalidReason] = {"too_short": "too_few_pairs", "too_long": "too_many_pairs"}
        reason = counts.get(first["type"], "wrong_schema") if place == "pairs" else "wrong_schema"
        raise InvalidAnswer(reason, f"{place}: {first['msg']}") from None


def _tidy(pair: Pair) -> Pair:
    """The pair with its texts checked and on one line each."""
    if isinstance(pair, ChoicePair):
        distractors = [_field(distractor) for distractor in pair.distractors]
        pair = ChoicePair(question=_field(pair.question), answer=_field(pair.answer), distractors=distractors)
        _check_options([pair.answer, *distractors])
        return pair
    return Pair(question=_field(pair.question), answer=_field(pair.answer))


def _field(text: str) -> str:
    text = checked(text)
    leak = SOURCE_LEAK.search(text)
    if leak:
        raise InvalidAnswer("source_leak", f"{leak.group()!r} in: {excerpt(text)}")
    return text


def _check_options(options: Sequence[str]) -> None:
    listed = excerpt(" | ".join(options))
    if len({option.casefold().rstrip(".") for option in options}) < len(options):
        raise InvalidAnswer("options_not_distinct", listed)
    if any(_LETTERED.match(option) for option in options) and any(len(option) > 1 for option in options):
        raise InvalidAnswer("options_lettered", f"options carry letters of their own: {listed}")
    if any(_CROSS_REFERENCE.search(option) for option in options):
        raise InvalidAnswer("options_cross_refer", f"an option refers to others: {listed}")


Item = TypeVar("Item")


def _shuffled(items: Sequence[Item], sample_id: str, purpose: str) -> list[Item]:
    """`items` in an order drawn for the sample and the purpose."""
    order = sorted(range(len(items)), key=lambda place: row_seed(sample_id, f"{purpose}/{place}"))
    return [items[place] for place in order]


def _letters(count: int, sample_id: str) -> list[str]:
    """The right letter of each question: all four as often as each other, but for a rest that is drawn."""
    cycle = _shuffled(LETTERS, sample_id, "letter-cycle")
    return _shuffled([cycle[place % len(cycle)] for place in range(count)], sample_id, "letters")


def _turn(pair: Pair, letter: str, sample_id: str, place: int) -> Turn:
    if not isinstance(pair, ChoicePair):
        return Turn(pair.question, pair.answer)
    options = _shuffled(pair.distractors, sample_id, f"distractors/{place}")
    options.insert(LETTERS.index(letter), pair.answer)
    return Turn(pair.question, letter, tuple(options))
