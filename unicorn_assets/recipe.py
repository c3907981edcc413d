"""The recipe: everything that decides what comes out, as one typed, frozen object, and how it is read and resolved.

Nothing here says where or how fast a thing runs: that is `settings`. A recipe comes from a shipped name or a file, is
checked once, and then stands in HOME/recipe.toml, which the web UI and the commands read.
"""

import re
import tomllib
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

import tomli_w
from pydantic import Field, ValidationError, field_validator, model_validator

from unicorn_assets.alignment import Alignment, Images
from unicorn_assets.answering import Engine as Engine
from unicorn_assets.answering import Sampling as Sampling
from unicorn_assets.decontamination import Benchmark, Decontamination
from unicorn_assets.duplicates import Duplicates
from unicorn_assets.errors import RecipeError
from unicorn_assets.judging import Curation, DialogRules, Diversity
from unicorn_assets.mix import Mix
from unicorn_assets.probing import Probing
from unicorn_assets.section import Count, Section, explain, flatten, named

SHIPPED = Path(__file__).parent / "recipes"
CHECKOUT = Path(__file__).parent.parent
MAX_SHARDS = 9999

Format = Literal["auto", "jsonl", "csv", "tsv", "parquet", "text", "labels"]
ReleaseFormat = Literal["llava", "webdataset", "unicorn_authors"]


class Source(Section):
    """One source of caption seeds: a file, or a list of domain labels with templates."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Short name, shown with every seed.")
    path: str = Field(description="The file. A relative path starts at the recipe's own folder.")
    format: Format = Field(default="auto", description="`auto` goes by the file's ending.")
    caption: str | None = Field(default=None, description="Caption column; guessed from the usual names if not given.")
    image_id: str | None = Field(default=None, description="Image id column; guessed likewise. Text files have none.")
    images: str = Field(
        default="images",
        description="Name of the image collection that the ids belong to. Sources of one collection share their ids, "
        "and an image gives one caption; give unrelated collections different names.",
    )
    licence: str = Field(default="unknown", description="Licence of the captions, as an SPDX id where there is one.")
    origin: str = Field(default="", description="Where the captions come from: a name or an address.")
    templates: Count = Field(default=10, description="Templates drawn for each label (labels only).")
    draw: Count | None = Field(default=None, description="Keep this many seeds, drawn by hash; all if not given.")

    @field_validator("path")
    @classmethod
    def _path_names_a_file(cls, value: str) -> str:
        return named(value, "a file")


class Seeds(Section):
    """Where seeds come from and which of them are usable."""

    sources: tuple[Source, ...] = Field(strict=False)
    min_words: Count = Field(default=3, description="Shorter seeds are rejected.")
    max_words: Count = Field(default=60, description="Longer seeds are rejected.")
    min_letters: float = Field(default=0.6, ge=0, le=1, description="Least share of letters among visible characters.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not self.sources:
            raise ValueError("there are no sources; give at least one under [[seeds.sources]]")
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are called {twice[0]!r}; give each its own name")
        if self.min_words > self.max_words:
            raise ValueError(f"min_words is {self.min_words}, above max_words, {self.max_words}")
        return self


class Dialogs(Section):
    """How many captions become dialogs, and of which task: by default the paper's proportions."""

    share: float = Field(default=471 / 1243, ge=0, le=1, description="Share of curated captions that get a dialog.")
    multiple_choice: float = Field(default=171, ge=0)
    question_answering: float = Field(default=199, ge=0)
    complex_reasoning: float = Field(default=100, ge=0)
    sampling: Sampling = Sampling(max_tokens=1536)
    rules: DialogRules = DialogRules()

    @model_validator(mode="after")
    def _some_task_has_weight(self) -> Self:
        if self.multiple_choice + self.question_answering + self.complex_reasoning <= 0:
            raise ValueError("all three tasks have weight 0; give at least one a positive weight")
        return self


class Encoder(Section):
    """What embeds the captions."""

    model: str = Field(default="all-MiniLM-L6-v2", description="Name or path of a sentence-transformers model.")
    revision: str = ""
    batch_size: Count = Field(default=16, description="Part of the recipe: padding changes the last bits.")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="float32",
        description="What the encoder computes in. `bfloat16`: two to three times as fast where the processor has it, "
        "at a cosine of 0.9998 to `float32`. `auto`: whichever is faster on the machine that HOME's recipe is first "
        "written on; it stands there from then on.",
    )


class Release(Section):
    """What must hold before anything goes out, and what goes out."""

    coverage: float = Field(default=1.0, ge=0, le=1, description="Least share of shards that are complete and fresh.")
    formats: tuple[ReleaseFormat, ...] = Field(
        default=("llava",),
        strict=False,
        description="Beside Parquet and vectors: `llava` (the torch Dataset reads it, too), `webdataset` (tars), "
        "`unicorn_authors` (JSON and pickles for the paper's trainer); the last two hold everything once more.",
    )
    validation: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Share of the seeds that is held out, by hash of the seed's id: siblings never part.",
    )

    @field_validator("formats")
    @classmethod
    def _each_once_in_one_order(cls, value: tuple[ReleaseFormat, ...]) -> tuple[ReleaseFormat, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is named twice; name it once")
        return tuple(name for name in get_args(ReleaseFormat) if name in value)


class Recipe(Section):
    """Everything that decides what comes out."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Lower case; names the release's folder.")
    shards: int = Field(default=4, ge=1, le=MAX_SHARDS, description="Number of partitions; 50 to 2,000 is comfortable.")
    seeds: Seeds
    engine: Engine = Engine()
    expansion: Sampling = Sampling()
    curation: Curation = Curation()
    dialogs: Dialogs = Dialogs()
    diversity: Diversity = Diversity()
    encoder: Encoder = Encoder()
    alignment: Alignment = Alignment()
    decontamination: Decontamination = Decontamination()
    mix: Mix = Mix()
    duplicates: Duplicates = Duplicates()
    probing: Probing = Probing()
    release: Release = Release()

    @property
    def is_free(self) -> bool:
        """Whether nobody answers who may cost money: the `rules` engine alone is asked."""
        prober = self.probing.engine if self.probing.wanted else None
        return all(one.kind == "rules" for one in (self.engine, prober) if one is not None)


def load(name_or_path: str) -> Recipe:
    """The recipe of a shipped name (`demo`) or of a TOML file; relative source paths become absolute.

    Raises:
        RecipeError: there is no such recipe, or it is not valid; names every wrong key.
    """
    path = Path(name_or_path)
    if re.fullmatch(r"[a-z0-9_-]+", name_or_path) and not path.is_file():
        path = SHIPPED / f"{name_or_path}.toml"
        if not path.is_file():
            cure = f"use one of {', '.join(shipped())}, or the path of a .toml file."
            raise RecipeError(f"There is no recipe called {name_or_path!r}.", cure)
    return parse(_read(path), where=str(path), base=CHECKOUT if path.parent == SHIPPED else path.absolute().parent)


def shipped() -> list[str]:
    """Names of the recipes that come with the package, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def parse(text: str, *, where: str, base: Path) -> Recipe:
    """A recipe from its TOML text. `where` names it in errors; relative source paths start at `base`.

    Raises:
        RecipeError: the text is not TOML or not a valid recipe; names every wrong key.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where} is not valid TOML: {error}.", "correct the line that it names.") from None
    recipe = _validated(table, f"{where} is not a valid recipe.")
    sources = tuple(_at(source, base) for source in recipe.seeds.sources)
    benchmarks = tuple(_at(benchmark, base) for benchmark in recipe.decontamination.benchmarks)
    found = recipe.model_copy(
        update={
            "seeds": recipe.seeds.model_copy(update={"sources": sources}),
            "decontamination": recipe.decontamination.model_copy(update={"benchmarks": benchmarks}),
        }
    )
    if recipe.alignment.images is None:
        return found
    images = _at(recipe.alignment.images, base)
    return found.model_copy(update={"alignment": recipe.alignment.model_copy(update={"images": images})})


Placed = TypeVar("Placed", Source, Images, Benchmark)


def _at(section: Placed, base: Path) -> Placed:
    """The section with its path made absolute."""
    return section.model_copy(update={"path": str(absolute(Path(section.path), base))})


def adjusted(
    recipe: Recipe,
    *,
    seeds: Sequence[Path] = (),
    shards: int | None = None,
    engine: str | None = None,
    model: str | None = None,
) -> Recipe:
    """The recipe with the command line's options, where given, in place of its sources, shards, engine and model.

    Raises:
        RecipeError: the options do not make a valid recipe.
    """
    table = recipe.model_dump()
    if seeds:
        stems = (re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.split(".")[0]).strip("._-") for path in seeds)
        names = zip(_distinct([stem or "seeds" for stem in stems]), seeds, strict=True)
        table["seeds"]["sources"] = [{"name": name, "path": str(absolute(path))} for name, path in names]
    if shards is not None:
        table["shards"] = shards
    if engine is not None and engine != recipe.engine.kind:
        table["engine"] = {"kind": engine}
    if model is not None:
        table["engine"] |= {"model": model}
    return _validated(table, "The options do not make a valid recipe.")


def _validated(table: dict[str, Any], what: str) -> Recipe:
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise RecipeError(f"{what}\n{explain(error)}", "correct the keys above.") from None


def absolute(path: Path, base: Path = Path()) -> Path:
    """`path` with `~` resolved, starting at `base`, by default the working directory.

    Raises:
        RecipeError: `~NAME` names a user that this machine does not know.
    """
    try:
        return (base / path.expanduser()).absolute()
    except RuntimeError:
        raise RecipeError(f"The path {path} starts with an unknown user's home.", "write the path in full.") from None


def _distinct(names: list[str]) -> list[str]:
    """Names with a number added where one comes again."""
    distinct: list[str] = []
    for name in names:
        numbered = (name if number == 1 else f"{name}-{number}" for number in count(1))
        distinct.append(next(one for one in numbered if one not in distinct))
    return distinct


def dump(recipe: Recipe) -> str:
    """The recipe as TOML that `parse` reads back equal; keys at their defaults included, so that it says everything."""
    return tomli_w.dumps(recipe.model_dump(exclude_none=True))


def differences(old: Recipe, new: Recipe) -> list[str]:
    """One line a key that differs, as `key: old -> new`."""
    before, after = flatten(old.model_dump()), flatten(new.model_dump())
    changed = [key for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]
    return [f"{key}: {before.get(key)!r} -> {after.get(key)!r}" for key in changed]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors put a byte order mark first
    except UnicodeDecodeError:
        raise RecipeError(f"The recipe file {path} is not UTF-8 text.", "save it as UTF-8.") from None
    except OSError as error:
        cure = "check the path, or write a recipe with `unicorn init`."
        raise RecipeError(f"The recipe file {path} cannot be read: {error.strerror}.", cure) from None
