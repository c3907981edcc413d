"""The recipe's section [alignment]: by which method, with which options, beside which images."""

from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from unicorn_assets.lake.embedding_files import SUFFIXES
from unicorn_assets.section import Count, Section, named
from unicorn_assets.transfer import choices


class Images(Section):
    """Images that nobody paired with the captions: the other side of the fit, and what its gap is measured against."""

    path: str = Field(
        description="A folder of images, or a file of their embeddings (.arrow or .parquet with id and embedding). "
        "A relative path starts at the recipe's own folder."
    )
    model: str | None = Field(
        default=None,
        description="Name or path of the sentence-transformers model that encodes the folder: the image tower that "
        "belongs to the text encoder. Not for a file.",
    )
    revision: str = ""
    draw: Count | None = Field(default=None, description="Take this many, drawn by hash; all if not given.")

    @field_validator("path")
    @classmethod
    def _path_names_something(cls, value: str) -> str:
        return named(value, "a folder or a file")

    @model_validator(mode="after")
    def _model_fits_the_path(self) -> Self:
        ready = Path(self.path).suffix in SUFFIXES
        if self.model is None and not ready:
            raise ValueError(
                f"{self.path} is no file of embeddings ({' or '.join(SUFFIXES)}) and model is not given; a folder of "
                "images needs the model that encodes it"
            )
        if ready and (self.model is not None or self.revision):
            raise ValueError("a file of embeddings needs neither model nor revision; leave them out")
        if self.model is not None and not self.model.strip():
            raise ValueError("the model has no name")
        return self


class Alignment(Section):
    """How text embeddings are carried over into image space."""

    method: choices.Name = Field(
        default="mean_shift",
        description="`none`, `mean_shift` (Unicorn), `c3`, `realign` (ReAlign), `aniso` (what is published of "
        "AnisoAlign) or `matched`, our own. The last three need images.",
    )
    sample: int = Field(
        default=10_000,
        ge=2,
        description="Captions drawn by hash for the fit; aniso and matched look at no more images than that.",
    )
    renormalise: bool = Field(
        default=True, description="mean_shift: true as in the paper's equation, false as in its code."
    )
    noise_sigma: float | None = Field(
        default=None, gt=0, description="c3: standard deviation of the noise in each dimension; or else:"
    )
    noise_cosine: float | None = Field(
        default=None, gt=0, lt=1, description="c3: cosine to a row without noise that the noise leaves; 0.9 by default."
    )
    noise_seed: int = Field(default=0, ge=0, description="c3: other seeds draw other noise.")
    rounds: Count = Field(default=10, description="matched: how often texts are matched with images at the most.")
    kept: float = Field(default=0.6, gt=0, le=1, description="matched: share of the pairs, the surest, that count.")
    images: Images | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_what_went(cls, given: Any) -> Any:
        """A HOME's recipe has every key that there was; `shrinkage` of a former `matched` decides nothing any more."""
        return (
            {name: value for name, value in given.items() if name != "shrinkage"} if isinstance(given, dict) else given
        )

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        if self.method in choices.NEED_IMAGES and self.images is None:
            raise ValueError(f"the method {self.method} needs images; name them under [alignment.images]")
        if self.noise_sigma is not None and self.noise_cosine is not None:
            raise ValueError("the noise is given both as noise_sigma and as noise_cosine; give one of them")
        every = {option for options in choices.READS.values() for option in options}
        for option in sorted(every - set(choices.READS[self.method])):
            if getattr(self, option) != type(self).model_fields[option].default:
                raise ValueError(f"the method {self.method} does not read {option}; leave it out")
        return self
