"""What the turns of a dialog must satisfy: each rule one function of a turn and its caption, with a reason code.

A turn that breaks a rule leaves its dialog; a dialog that keeps too few of its turns is set aside. The answers are
stored and were paid for, so the rules are precise rather than eager. What cannot be read at all is the parser's.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from unicorn_assets.curation.colours import differ, families
from unicorn_assets.curation.faithfulness import contradictions
from unicorn_assets.curation.grammar import is_plural, number
from unicorn_assets.curation.inflection import parts, stem
from unicorn_assets.curation.questions import (
    claim_of,
    gives_choice,
    infers,
    meaning,
    question_type,
    topic_of,
    unanswerable,
)
from unicorn_assets.curation.reasons import Reason
from unicorn_assets.curation.statements import Statements
from unicorn_assets.judging import DialogRules
from unicorn_assets.text import FUNCTION_WORDS, word_set, words

DIALOG_RULES_VERSION = 1
"""Bumped by hand when a verdict changes; a golden test tells when that is due."""

LETTERS = "ABCD"
"""Names of the options of a multiple-choice question."""

_SAME_BEGINNING, _LEAST_BEGINNING = 5, 4
_WEAK = frozenset(
    map(
        stem,
        word_set(
            """come comes coming go goes going reach fall stand sit lie lying hang run lead point face facing rest stay
            remain located placed positioned situated found side part way kind type thing object item colour color tone
            shade hold make give take use get only just""",
        ),
    )
)
"""Stems that an answer may add without saying much."""

_DENIES = word_set("no not none nobody nothing nowhere neither without")


class Turn(Protocol):
    """A question with its answer; with options where the answer is the letter of one."""

    @property
    def question(self) -> str:
        """What is asked."""

    @property
    def answer(self) -> str:
        """The answer, or the letter of the right option."""

    @property
    def options(self) -> Sequence[str]:
        """The options in the order of their letters; empty where there are none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A turn, by its place in the dialog, and the rule that it breaks."""

    place: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a dialog.

    Args:
        kept: places of the turns that stay, in order; empty where the dialog is set aside.
        faults: the first fault of each turn that has one, in order.
    """

    kept: tuple[int, ...]
    faults: tuple[Fault, ...]


class _Caption:
    """A caption, read once for all turns of its dialog."""

    def __init__(self, caption: str) -> None:
        self.states = Statements(caption)
        self.running = f" {' '.join(words(caption))} "

    @cached_property
    def stems(self) -> frozenset[str]:
        """Stems of its words, with the parts of hyphenated ones."""
        return frozenset(map(stem, parts(self.states.text)))

    @cached_property
    def beginnings(self) -> frozenset[str]:
        return frozenset(word[:_SAME_BEGINNING] for word in parts(self.states.text) if len(word) >= _SAME_BEGINNING)

    @cached_property
    def colours(self) -> list[frozenset[str]]:
        return [found for token in self.states.tokens if (found := families(token))]

    def tells(self, word: str) -> bool:
        """Whether a word of an answer, by its stem, stands in the caption in some form, or in another name of it."""
        if word in self.stems or word[:_SAME_BEGINNING] in self.beginnings:
            return True
        if len(word) >= _LEAST_BEGINNING and any(one.startswith(word) for one in self.stems):
            return True
        found = families(word)
        return bool(found) and any(not differ(found, one) for one in self.colours)


class _Said:
    """A turn as it is judged."""

    def __init__(self, turn: Turn, caption: _Caption) -> None:
        self.question, self.options, self.caption = turn.question, turn.options, caption
        self.answer = turn.options[LETTERS.index(turn.answer)] if turn.options else turn.answer

    @cached_property
    def asked(self) -> frozenset[str]:
        return frozenset(meaning(self.question))

    @cached_property
    def answered(self) -> list[str]:
        return meaning(self.answer)

    @cached_property
    def added(self) -> list[str]:
        """What the answer says beyond the question."""
        return [one for one in self.answered if one not in self.asked]


class Inference(Protocol):
    """Natural language inference by a model."""

    def contradicted(self, premise: str, claims: Sequence[str]) -> Sequence[float]:
        """The probability that `premise` contradicts each of the claims."""


def judge(
    task: str, turns: Sequence[Turn], caption: str, limits: DialogRules, inference: Inference | None = None
) -> Verdict:
    """What becomes of a dialog.

    Args:
        task: which dialog it is; the answers of complex_reasoning go beyond their caption, and say what would be.
        turns: its turns.
        caption: what they are about.
        limits: the recipe's limits.
        inference: judges what the rules leave, where the recipe names a model.
    """
    read = _Caption(caption)
    rules = _RULES if task == "complex_reasoning" else (*_RULES, *_OF_FACTS)
    seen: set[tuple[str, frozenset[str]]] = set()
    kept, faults = [], []
    for place, turn in enumerate(turns):
        said = _Said(turn, read)
        topic = topic_of(turn.question)
        again = _repeated(topic, seen, said) if limits.repeats else None
        reason = again or next((found for rule in rules if (found := rule(said, limits))), None)
        if reason is None:
            kept.append(place)
            seen.add(topic)
        else:
            faults.append(Fault(place, reason))
    if inference is not None and task != "complex_reasoning":
        refuted = _refuted([(place, _Said(turns[place], read)) for place in kept], caption, limits, inference)
        faults = sorted([*faults, *refuted], key=lambda fault: fault.place)
        kept = [place for place in kept if place not in {fault.place for fault in refuted}]
    enough = len(kept) >= max(1, limits.min_turns_kept * len(turns))
    return Verdict(tuple(kept) if enough else (), tuple(faults))


def _repeated(topic: tuple[str, frozenset[str]], seen: set[tuple[str, frozenset[str]]], said: _Said) -> Reason | None:
    if topic[1] and topic in seen:
        return Reason("question_repeated", f"asked before in other words: {said.question}")
    return None


def _refuted(left: Sequence[tuple[int, _Said]], caption: str, limits: DialogRules, inference: Inference) -> list[Fault]:
    claims = [f"{said.question} {said.answer}" for _, said in left]
    found = zip(left, claims, inference.contradicted(caption, claims), strict=True)
    return [
        Fault(place, Reason("answer_refuted", f"contradicted with probability {probability:.2f}: {claim}"))
        for (place, _), claim, probability in found
        if probability > limits.max_contradicted
    ]


def _leak(said: _Said, limits: DialogRules) -> Reason | None:
    if not limits.leaks or not said.answered or said.added or gives_choice(said.question) or _counts(said):
        return None
    others = [option for option in said.options if option != said.answer]
    if any(said.asked.issuperset(meaning(option)) for option in others):
        return None  # the question names several of its options, so it gives none away
    return Reason("answer_in_question", f"{said.question} {said.answer}")


def _counts(said: _Said) -> bool:
    """Whether an answer gives the number that it is asked for; `one` is no word of content elsewhere."""
    return question_type(said.question) == "how many" and any(map(number, words(said.answer)))


def _options_alike(said: _Said, limits: DialogRules) -> Reason | None:
    del limits
    keys = Counter(_plain(option) for option in said.options)
    if any(count > 1 for count in keys.values()):
        return Reason("options_alike", " | ".join(said.options))
    return None


def _plain(option: str) -> tuple[str, ...]:
    """The option's words without articles and plurals."""
    said = (word for word in words(option) if word not in ("a", "an", "the"))
    return tuple(word[:-1] if is_plural(word) else word for word in said)


def _unanswerable(said: _Said, limits: DialogRules) -> Reason | None:
    if not limits.unanswerable:
        return None
    found = unanswerable(said.question, said.added, said.caption.stems)
    return Reason("unanswerable", f"{found!r} in: {said.question}") if found else None


def _copied(said: _Said, limits: DialogRules) -> Reason | None:
    spoken = words(said.answer)
    if len(spoken) >= limits.copied_words and f" {' '.join(spoken)} " in said.caption.running:
        return Reason("answer_copied", f"{len(spoken)} words stand in the caption as they are: {said.answer}")
    return None


def _contradicted(said: _Said, limits: DialogRules) -> Reason | None:
    if not limits.contradictions:
        return None
    claim, total = claim_of(said.question, said.answer)
    found = contradictions(said.caption.states, Statements(claim), counts=total)
    return Reason("answer_contradicted", f"{found[0].detail}: {said.question} {said.answer}") if found else None


def _unsupported(said: _Said, limits: DialogRules) -> Reason | None:
    if not limits.min_support or infers(said.question) or gives_choice(said.question):
        return None
    if not _DENIES.isdisjoint(words(said.answer)):
        return None
    placing = {stem(word) for word in parts(said.answer) if word in FUNCTION_WORDS}
    new = [one for one in said.added if number(one) is None and one not in placing | _WEAK]
    unseen = [one for one in new if not said.caption.tells(one)]
    if new and 1 - len(unseen) / len(new) < limits.min_support:
        return Reason("answer_unsupported", f"not in the caption: {', '.join(unseen)} ({said.question} {said.answer})")
    return None


Rule = Callable[[_Said, DialogRules], Reason | None]
_RULES: tuple[Rule, ...] = (_leak, _options_alike, _unanswerable, _copied)
_OF_FACTS: tuple[Rule, ...] = (_contradicted, _unsupported)


def set_aside_reason(verdict: Verdict, turns: int) -> Reason:
    """Why a dialog is set aside whole: the commonest code of its faults, the first of equals, with all details."""
    codes = Counter(fault.reason.code for fault in verdict.faults)
    details = "; ".join(f"{fault.reason.code}: {fault.reason.detail}" for fault in verdict.faults)
    return Reason(codes.most_common(1)[0][0], f"{len(verdict.faults)} of {turns} turns: {details}")


def imbalance(letters: Mapping[str, int]) -> float:
    """Pearson's chi-squared of the counts of right letters against equal shares; 0 of none. 3 degrees of freedom."""
    expected = sum(letters.values()) / len(LETTERS)
    if not expected:
        return 0.0
    return sum((letters.get(letter, 0) - expected) ** 2 / expected for letter in LETTERS)
