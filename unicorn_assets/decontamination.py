"""The recipe's section [decontamination]: benchmarks whose texts must not stand in a release."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from unicorn_assets.section import Count, Section, named

BenchmarkFormat = Literal["auto", "jsonl", "csv", "tsv", "parquet", "text"]


class Benchmark(Section):
    """A file of questions or captions that a model is to be tested on."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Short name, shown with what it matches.")
    path: str = Field(description="The file. A relative path starts at the recipe's own folder.")
    format: BenchmarkFormat = Field(default="auto", description="`auto` goes by the file's ending.")
    columns: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Columns of questions or captions; guessed from the usual names if none is given.",
    )

    @field_validator("path")
    @classmethod
    def _path_names_a_file(cls, value: str) -> str:
        return named(value, "a file")


class Decontamination(Section):
    """How close a sample may come to a benchmark."""

    ngram: Count = Field(
        default=13,
        description="A sample that has so many words in a row in common with a benchmark's text leaves the release; "
        "of a shorter text, all its words.",
    )
    min_words: Count = Field(
        default=5, description="Shorter benchmark texts are not looked for: they stand in what has nothing of them."
    )
    cosine: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="A sample whose caption or question is as close to a benchmark's text, by the recipe's encoder, "
        "leaves too. It encodes every question.",
    )
    warn_share: float = Field(default=0.01, ge=0, le=1, description="A warning where a larger share is contaminated.")
    benchmarks: tuple[Benchmark, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [benchmark.name for benchmark in self.benchmarks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two benchmarks are called {twice[0]!r}; give each its own name")
        if self.min_words > self.ngram:
            raise ValueError(f"min_words is {self.min_words}, above ngram, {self.ngram}")
        return self
