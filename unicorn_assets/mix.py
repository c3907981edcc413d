"""The recipe's section [mix]: how the samples of a release are to be spread over topics, tasks and lengths."""

import re
from fractions import Fraction
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from unicorn_assets.section import Count, Section

Task = Literal["pretrain", "multiple_choice", "question_answering", "complex_reasoning"]
_BAND = re.compile(r"(\d{1,6})-(\d{0,6})")


class Wanted(Section):
    """A part of the mix. A sample belongs to the first part that it fits; what a part leaves out fits any sample."""

    topic: str | None = Field(default=None, description="Topic of its seed, as the source gives it, in any case.")
    task: Task | None = Field(default=None, description="`pretrain`, or the task of its dialog.")
    words: str | None = Field(default=None, description='Words of its caption: "40-79", or "120-" for 120 and more.')
    share: float = Field(gt=0, le=1, description="Its share of all samples.")

    @field_validator("words")
    @classmethod
    def _words_are_a_band(cls, value: str | None) -> str | None:
        if value is not None:
            found = _BAND.fullmatch(value)
            if found is None:
                raise ValueError('give the band of words as "LEAST-MOST", or "LEAST-" without an end')
            if found[2] and int(found[2]) < int(found[1]):
                raise ValueError("the band of words ends before it begins")
        return value

    @property
    def band(self) -> tuple[int, int | None] | None:
        """Least and most words of a caption; None for any, or for no end."""
        found = None if self.words is None else _BAND.fullmatch(self.words)
        return None if found is None else (int(found[1]), int(found[2]) if found[2] else None)

    @property
    def label(self) -> str:
        """The part in words."""
        given = (self.topic, self.task, None if self.words is None else f"{self.words} words")
        return ", ".join(one for one in given if one is not None) or "any"


class Mix(Section):
    """The wanted mix; nothing is left out for it where no part is given."""

    total: Count | None = Field(
        default=None,
        description="Samples of both tables that are wanted. Without it: as many as there can be in just this mix.",
    )
    wanted: tuple[Wanted, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.total is not None and not self.wanted:
            raise ValueError("total is given, but no part of a mix; give some under [[mix.wanted]]")
        labels = [one.label.casefold() for one in self.wanted]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"the part {twice[0]!r} is given twice; give it once")
        if self.rest < 0:
            raise ValueError(f"the shares add up to {float(1 - self.rest):g}; they must not exceed 1")
        return self

    @property
    def rest(self) -> Fraction:
        """What is left for samples that fit no part; nothing where the shares add up to 1."""
        return 1 - sum((exact(one.share) for one in self.wanted), Fraction())


def exact(share: float) -> Fraction:
    """A share as it was written: 0.1 is a tenth."""
    return Fraction(repr(share))
