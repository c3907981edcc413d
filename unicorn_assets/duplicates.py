"""The recipe's section [duplicates]: which texts are compared, how near is too near, and what then leaves."""

from pydantic import Field, field_validator

from unicorn_assets.section import Count, Section


class Duplicates(Section):
    """Near-duplicates over the whole corpus: found among the datasets, applied by the selection."""

    captions: bool = Field(default=True, description="Compare captions; of near ones only the best goes out.")
    questions: bool = Field(default=True, description="Compare the questions of dialogs.")
    words: Count = Field(default=3, description="Words of a shingle of captions.")
    question_words: Count = Field(default=2, description="Words of a shingle of questions, which are short.")
    jaccard: float = Field(
        default=0.8, ge=0.3, le=1, description="Share of common shingles of two texts from which they are near."
    )
    containment: float = Field(
        default=0.9,
        le=1,
        description="Share of a caption's shingles in a longer one from which they are near; 0: not judged.",
    )
    cosine: float | None = Field(
        default=None,
        ge=0.5,
        le=1,
        description="Cosine of two captions' embeddings from which they are near; meaning is not compared without it. "
        "Of n captions it takes n * n / 2 products of vectors.",
    )
    question_cosine: float | None = Field(
        default=None,
        ge=0.5,
        le=1,
        description="The same of two questions, which the recipe's encoder encodes for it.",
    )
    lost_questions: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="A dialog leaves if more than this share of its questions are asked elsewhere too. By default none "
        "does: the same question about another image is another sample.",
    )
    most: float = Field(
        default=0.2, ge=0, le=1, description="Share of captions that have a better twin, from which a check warns."
    )

    @field_validator("containment")
    @classmethod
    def _judged(cls, containment: float) -> float:
        if containment != 0 and containment < 0.5:
            raise ValueError("must be 0.5 at least, or 0 to judge none")
        return containment
