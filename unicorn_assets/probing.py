"""The recipe's section [probing]: a sample of dialogs answered by a model, with their caption and without it."""

from pydantic import Field

from unicorn_assets.answering import Engine, Sampling
from unicorn_assets.section import Section


class Probing(Section):
    """Whether dialogs are probed, by whom, and what is expected. The limits enter no fingerprint: they only warn."""

    round_trip: bool = Field(
        default=False, description="Whether a sample of questions is answered from the caption and compared."
    )
    blind_answers: bool = Field(
        default=False, description="Whether a sample is answered without the caption, where chance is known."
    )
    share: float = Field(
        default=0.05,
        gt=0,
        le=1,
        description="Share of the dialogs that are probed, by hash of their id; a turn each.",
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
    max_unreadable: float = Field(
        default=0.1, ge=0, le=1, description="A warning where a larger share of the answers cannot be read."
    )

    @property
    def wanted(self) -> bool:
        """Whether anything is probed at all."""
        return self.round_trip or self.blind_answers
