"""manifest.json: what a release holds, what made it and what became of every row. No time, host, run or absolute path.

The version is a hash of all that the release holds. What changed since the release before is told beside it: equal
content is the same version whatever went before. `seal` is a hash of the manifest as a whole.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.sidecar import Part
from unicorn_assets.release.meters import Meters
from unicorn_assets.release.splits import SPLITS, named
from unicorn_assets.release.tables import COLUMNS

FORMAT_VERSION = 4
"""Version of the folder's layout, the manifest and the card; bumped by hand when one of them changes."""

READ = (3, FORMAT_VERSION)
"""Versions that can be read: 3 has no meters."""

FILE = "manifest.json"

COPY_AGAIN = "copy the release again from where it came from; `unicorn verify` says what is wrong with it."


class File(Part):
    """Size and content of a file."""

    bytes: int
    sha256: str


class Table(Part):
    """Rows of a table, in all and by shard."""

    rows: int
    shards: dict[str, int]


class Warned(Part):
    """A check that failed without blocking: on how many shards, and what it says."""

    shards: int
    description: str


class Selected(Part):
    """What the selection made of a table's candidates: how many went in and out, and how many stayed behind and why."""

    candidates: int
    selected: int
    left: dict[str, int]


class MixPart(Part):
    """A part of the recipe's mix: its share as wanted, among the candidates and among what goes out; and in rows."""

    wanted: float
    before: float
    after: float
    candidates: int
    selected: int
    missing: int


class StageFacts(Part):
    """What became of the rows of a stage, over all released shards, and what decided them."""

    rows_in: int
    rows_out: int
    rejected: dict[str, int]
    not_selected: dict[str, int]
    warnings: dict[str, Warned]
    decided_by: dict[str, Any]
    fingerprints: dict[str, str]


class Licence(Part):
    """Released rows by the source of their seed. An instruction row's caption counts under pretrain as well."""

    source: str
    licence: str
    origin: str
    pretrain: int
    instruction: int


class MadeBy(Part):
    """What wrote the text, what embedded it, and what carried the embeddings over."""

    engine: dict[str, Any]
    encoder: dict[str, Any]
    transfer: dict[str, Any]


class Spread(Part):
    """How a number is spread over the rows of a table."""

    least: int
    median: int
    mean: float
    most: int


class Figures(Part):
    """What the rows of a table are like, over all splits: words of a caption (divided by blanks), questions, tasks."""

    caption_words: Spread | None
    questions: Spread | None
    tasks: dict[str, int]


class Reason(Part):
    """Why rows were dropped: how many for that reason, and the first of them by id."""

    rows: int
    first: list[str]


class TableChanges(Part):
    """How a table differs from that of the release before, by id. `rewritten` rows have another text."""

    added: int
    dropped: int
    rewritten: int
    why: dict[str, Reason]


class Changes(Part):
    """What changed since the release before.

    Args:
        since: version of the release before.
        settings: one line for each key of the recipe, engine, encoder or transfer that differs.
        tables: the changes of each table, both sides of the split apart.
        problem: why rows could not be compared, empty where they were.
    """

    since: str
    settings: list[str]
    tables: dict[str, TableChanges]
    problem: str = ""


class Withdrawn(Part):
    """What was withdrawn and may not come back, as it stood when the release was made.

    Args:
        kind: `seed`, `source` or `licence`.
        name: the seed's id, the source's name or the licence.
        why: the reason, in the words of whoever did it.
        when: UTC, in ISO 8601.
        rows: rows of the recipe's sources that it keeps out.
        fitted_on: how many of them the transfer was fitted on, before.
    """

    kind: str
    name: str
    why: str
    when: str
    rows: int
    fitted_on: int


class ShardCoverage(Part):
    """How many of the recipe's shards were complete and fresh, and which were not.

    Why is left out: it is a state of the moment, and the same shards make the same release whatever became of others.
    """

    released: int
    expected: int
    missing: list[str]


class Manifest(Part):
    """The whole manifest, in the order in which it is written."""

    name: str
    version: str
    format: int
    tables: dict[str, Table]
    figures: dict[str, Figures]
    coverage: ShardCoverage
    selection: dict[str, Selected]
    mix: dict[str, MixPart]
    meters: Meters | None = None
    made_by: MadeBy
    licences: list[Licence]
    libraries: dict[str, str]
    recipe: dict[str, Any]
    stages: dict[str, StageFacts]
    files: dict[str, File]
    withdrawn: tuple[Withdrawn, ...] = ()
    changes: Changes | None
    seal: str

    @model_validator(mode="after")
    def _says_what_is_asked(self) -> "Manifest":
        try:
            _ = self.validation, self.formats, self.dimension, self.partitions, self.unit
        except (KeyError, TypeError, ValueError):
            raise ValueError("its recipe or encoder is cut short") from None
        return self

    @property
    def samples(self) -> int:
        """Rows of both tables of samples, on both sides of the split."""
        return sum(self.rows(table) for table in COLUMNS)

    @property
    def validation(self) -> float:
        """Share of the seeds that is held out."""
        return float(self.recipe["release"]["validation"])

    @property
    def formats(self) -> list[str]:
        """What stands beside Parquet and vectors."""
        return list(self.recipe["release"]["formats"])

    @property
    def dimension(self) -> int:
        """Numbers of an embedding."""
        return int(self.made_by.encoder["dimension"])

    @property
    def partitions(self) -> int:
        """How many shards the recipe asks for."""
        return int(self.recipe["shards"])

    @property
    def unit(self) -> bool:
        """Whether embeddings have length 1."""
        return bool(self.recipe["alignment"]["renormalise"])

    def rows(self, table: str) -> int:
        """Rows of a table on both sides of the split."""
        names = (named(split, table) for split in SPLITS)
        return sum(self.tables[name].rows for name in names if name in self.tables)

    def content_version(self) -> str:
        """Hash of all that the release holds, 16 hexadecimal digits."""
        return digest(self.model_dump(exclude={"version", "changes", "seal"} | self._absent))[:16]

    def whole(self) -> str:
        """Hash of everything but the seal itself, 16 hexadecimal digits."""
        return digest(self.model_dump(exclude={"seal"} | self._absent))[:16]

    def sealed(self) -> "Manifest":
        """The manifest with its version and its seal."""
        versioned = self.model_copy(update={"version": self.content_version()})
        return versioned.model_copy(update={"seal": versioned.whole()})

    def dump(self) -> str:
        """The manifest as JSON text."""
        return self.model_dump_json(indent=1, exclude=self._absent) + "\n"

    @property
    def _absent(self) -> set[str]:
        """What is not written where it says nothing, so that a release without it is as it was before there was it."""
        return {name for name in ("withdrawn", "meters") if not getattr(self, name)}


def read(folder: Path) -> Manifest:
    """The manifest of a release.

    Raises:
        LakeError: there is none, it is damaged, or it is of another format.
    """
    path = folder / FILE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LakeError(
            f"{path} cannot be read: {error.strerror}.", "give the folder of a release, which has a manifest.json."
        ) from None
    try:
        version = json.loads(content)["format"]
    except (ValueError, TypeError, KeyError):
        raise LakeError(f"{path} is no manifest of a release.", COPY_AGAIN) from None
    if version not in READ:
        raise LakeError(
            f"{path} is of format {version}; this version of unicorn_assets reads formats {READ[0]} to {READ[-1]}.",
            "use the version of unicorn_assets that made it, or release again.",
        )
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, wrong = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise LakeError(f"{path} is damaged ({key + ': ' if key else ''}{wrong}).", COPY_AGAIN) from None
