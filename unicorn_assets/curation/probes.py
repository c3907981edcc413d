"""What a sample of probed answers tells: how many agree, with intervals, and what chance alone would give.

An agreement from the caption speaks for an answer (round-trip consistency, Alberti et al. 2019); one without it speaks
against the question, which a model that sees nothing should only be able to guess (Goyal et al. 2017).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, get_args

from unicorn_assets.curation.comparison import Form, Verdict, polarity
from unicorn_assets.curation.proportions import Z_95, Z_ONE_IN_1000, wilson

FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True)
class Probed:
    """One probed turn: what kind of answer it has, the right one, how many options, and what came of it."""

    form: Form
    expected: str
    options: int
    verdict: Verdict


@dataclass
class Tally:
    """Counts of probed turns of one form; they can be added up over shards.

    Args:
        asked: turns that were answered.
        unreadable: of these, answers that could not be read.
        agrees: of these, answers that agree with the dialog.
        yes: readable ones whose right answer is yes.
        chance: sum over the readable ones of the chance to hit by guessing, one in the number of options.
    """

    asked: int = 0
    unreadable: int = 0
    agrees: int = 0
    yes: int = 0
    chance: float = 0.0

    @property
    def readable(self) -> int:
        """Answers that could be compared."""
        return self.asked - self.unreadable

    def add(self, one: Probed) -> None:
        """Counts a turn."""
        self.asked += 1
        if one.verdict == "unreadable":
            self.unreadable += 1
            return
        self.agrees += one.verdict == "agrees"
        if one.form == "choice":
            self.chance += 1 / one.options
        elif one.form == "yes_no":
            self.yes += bool(polarity(one.expected))

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def guessed(self, form: Form) -> float | None:
        """The share that guessing gets right: by chance among options, by the commoner of yes and no; else unknown."""
        if form == "open" or not self.readable:
            return None
        if form == "choice":
            return self.chance / self.readable
        return max(self.yes, self.readable - self.yes) / self.readable

    def interval(self, z: float) -> tuple[float, float]:
        """Wilson's interval of the share that agrees, among what could be read."""
        return wilson(self.agrees, self.readable, z)


@dataclass
class Tallies:
    """Counts of probed turns by form."""

    forms: dict[Form, Tally] = field(default_factory=dict)

    @classmethod
    def of(cls, probed: Iterable[Probed], forms: Sequence[Form] = FORMS) -> Self:
        """The counts of these turns, which have some of these forms."""
        found = cls({form: Tally() for form in forms})
        for one in probed:
            found.forms[one.form].add(one)
        return found

    @classmethod
    def restored(cls, figures: Iterable[Mapping[str, Any]]) -> Self:
        """The counts that several `figures` were told of, added up; what else stands beside them is passed over."""
        found = cls()
        for one in figures:
            for form in FORMS:
                if form in one:
                    counts = {name: one[form].get(name, 0) for name in Tally.__dataclass_fields__ if name != "chance"}
                    readable = counts["asked"] - counts["unreadable"]
                    chance = one[form].get("guessed", 0.0) * readable if form == "choice" else 0.0
                    found.forms[form] = found.forms.get(form, Tally()) + Tally(**counts, chance=chance)
        return found

    @property
    def whole(self) -> Tally:
        """All forms together."""
        return sum(self.forms.values(), Tally())

    def figures(self) -> dict[str, Any]:
        """By form what was asked and what agreed, the share of that with its 95% interval, and what guessing gives."""
        shown: dict[str, Any] = {}
        for form in FORMS:
            if (tally := self.forms.get(form)) is None:
                continue
            low, high = tally.interval(Z_95)
            guessed = tally.guessed(form)
            shown[form] = {
                "asked": tally.asked,
                "unreadable": tally.unreadable,
                "agrees": tally.agrees,
                **({"yes": tally.yes} if form == "yes_no" else {}),
                **(
                    {"share": round(tally.agrees / tally.readable, 4), "low": round(low, 4), "high": round(high, 4)}
                    if tally.readable
                    else {}
                ),
                **({} if guessed is None else {"guessed": round(guessed, 4)}),
            }
        return shown

    def inconsistent(self, least: float) -> bool:
        """Whether a smaller share than `least` agrees, beyond what a sample of this size leaves open."""
        return self.whole.interval(Z_ONE_IN_1000)[1] < least

    def guessable(self, margin: float) -> dict[Form, float]:
        """The forms that are answered better than by guessing by more than `margin`: how much better at the least."""
        found: dict[Form, float] = {}
        for form, tally in self.forms.items():
            guessed = tally.guessed(form)
            if guessed is not None and (above := tally.interval(Z_ONE_IN_1000)[0] - guessed) > margin:
                found[form] = above
        return found
