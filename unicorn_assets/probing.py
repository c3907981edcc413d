"""The recipe's section [probing]: a model answers a sample of the dialogs, and grades a sample of the captions."""

from pydantic import Field

from unicorn_assets.answering import Engine, Sampling
from unicorn_assets.section import Section


class Probing(Section):
    """What is probed, by whom, and what is expected. The limits enter no fingerprint: they only warn."""

    round_trip: bool = Field(
        default=False, description="Whether a sample of questions is answered from the caption and compared."
    )
    blind_answers: bool = Field(
        default=False, description="Whether a sample is answered without the caption, where chance is known."
    )
    judge: bool = Field(default=False, description="Whether a sample of the captions is graded.")
    share: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Share of the dialogs that are probed, a turn each, and of the captions, by hash of their id.",
    )
    engine: Engine | None = Field(
        default=None,
        description="Who answers, best by another model than the writer's; the recipe's engine if not given.",
    )
    sampling: Sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=256)
    min_overlap: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Free answers agree where the shorter shares so much of its content words with the other.",
    )
    min_consistent: float = Field(
        default=0.8, ge=0, le=1, description="A warning where a smaller share of answers from the caption agrees."
    )
    max_above_chance: float = Field(
        default=0.1, ge=0, le=1, description="A warning where answers without the caption are right so much oftener."
    )
    min_grade: float = Field(
        default=3.0, ge=1, le=5, description="A warning where the mean grade of the captions, 1 to 5, is lower."
    )
    max_unreadable: float = Field(
        default=0.1, ge=0, le=1, description="A warning where a larger share of the answers cannot be read."
    )

    @property
    def wanted(self) -> bool:
        """Whether anything is probed at all."""
        return self.round_trip or self.blind_answers or self.judge
