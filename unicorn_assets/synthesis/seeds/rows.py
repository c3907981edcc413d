"""What reading a source gives, row by row: a caption, or a record of why there is none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from unicorn_assets.errors import SeedError
from unicorn_assets.recipe import Source
from unicorn_assets.synthesis.seeds.cleaning import encoding_fault

MAX_ROW_BYTES = 1 << 20
"""A longer row is rejected, and never held whole."""
EXCERPT = 500
"""Characters of a text that is set aside that are kept to show it."""

Outcome = Literal["rejected", "not_selected"]

WITHDRAWN = "withdrawn"
"""Reason of a row that was withdrawn. Its text is not kept with it."""

CAPTION_NAMES = (
    "caption", "captions", "text", "sentence", "sentences", "description", "raw_caption", "caption_text", "alt_text",
    "alt", "comment", "raw", "title", "seed",
)  # fmt: skip
_IMAGE_NAMES = (
    "image_id", "imageid", "img_id", "image", "image_name", "image_file", "image_path", "img", "file_name", "filename",
    "file", "path", "image_url", "img_url", "url",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A caption as it stands in a source. `row` is its line, or its record in a Parquet or labels file, from 1."""

    row: int
    text: str
    image_id: str | None = None
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row of a source that gives no seed, why, and how its text begins."""

    row: int
    outcome: Outcome
    reason: str
    detail: str
    text: str


@dataclass(frozen=True)
class Withdrawn:
    """What may give no seed.

    Args:
        seeds: ids of seeds, whatever source, file or row gives them.
        sources: names of sources, none of whose rows may, each with what withdrew it.
    """

    seeds: frozenset[str] = frozenset()
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that were taken from a source. A text file's is its `line`."""

    caption: str
    image_id: str | None = None
    topic: str | None = None

    def __str__(self) -> str:
        """For display: caption from `caption`, image id from `image_id`."""
        taken = {"caption": self.caption, "image id": self.image_id, "topic": self.topic}
        return ", ".join(f"{what} from `{column}`" for what, column in taken.items() if column is not None)


def rejected(row: int, reason: str, detail: str, text: str | bytes) -> SetAside:
    """A rejected row, with the beginning of what stood there."""
    return SetAside(row, "rejected", reason, detail, excerpt(text))


def excerpt(text: str | bytes) -> str:
    """The beginning of a text, made fit for a UTF-8 file."""
    if isinstance(text, str):
        text = text[:EXCERPT].encode("utf-8", "replace")
    return text[: 4 * EXCERPT].decode("utf-8", "replace")[:EXCERPT].replace("\x00", "\u2400")


def row_of(row: int, caption: object, image_id: object = None, topic: object = None) -> Row | SetAside:
    """The row of a record's values as any format gives them: str, bytes, int, float, None or worse."""
    if caption is None:
        return rejected(row, "no_caption", "the record has no caption", "")
    if not isinstance(caption, str | bytes):
        kind = type(caption).__name__
        return rejected(row, "not_text", f"the caption is of type {kind}, not text", repr(caption)[:EXCERPT])
    if len(caption) > MAX_ROW_BYTES:
        return rejected(row, "row_too_large", "the caption is over 1 MiB", caption)
    try:
        text = caption if isinstance(caption, str) else caption.decode("utf-8")
        return Row(row, text, _label(image_id, "image_id"), _label(topic, "topic"))
    except UnicodeDecodeError as error:
        return rejected(row, "bad_encoding", not_utf8(error), caption)
    except _NoLabelError as error:
        return rejected(row, f"bad_{error.column}", f"{error.column} is {error.value!r:.80}", caption)


def not_utf8(error: UnicodeDecodeError) -> str:
    """Where a text stops being UTF-8."""
    return f"not UTF-8: byte 0x{error.object[error.start]:02X} at byte {error.start + 1}"


class _NoLabelError(Exception):
    def __init__(self, column: str, value: object) -> None:
        super().__init__(column)
        self.column = column
        self.value = value


def _label(value: object, column: str) -> str | None:
    """An image id or topic as text, so that 7, 7.0 and "7" are one image in whatever format they come."""
    if value is None or value != value:  # NaN is how a table of floats writes "none"
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _NoLabelError(column, value)
    text = str(value).strip() if isinstance(value, str) else f"{value:d}"
    if "\x00" in text or encoding_fault(text):
        raise _NoLabelError(column, value)
    return text or None


def choose(source: Source, names: Sequence[str]) -> Columns:
    """The columns to take from a table: the ones that the source names, else the usual names, in any case.

    Raises:
        SeedError: there is no such column, or it is there twice.
    """
    caption = _named(source, "caption", source.caption, names) or guessed(CAPTION_NAMES, names)
    if caption is None:
        raise SeedError(
            f"{source.path} has no column with a usual name of a caption; {listed(names)}",
            f'set caption = "COLUMN" for the source {source.name!r}; a CSV or TSV file names its columns in line 1.',
        )
    image_id = _named(source, "image_id", source.image_id, names) or guessed(_IMAGE_NAMES, names)
    columns = Columns(caption, image_id, guessed(("topic",), names))
    for column in filter(None, (columns.caption, columns.image_id, columns.topic)):
        if names.count(column) > 1:
            raise SeedError(f"{source.path} has two columns {column!r}.", "rename one of them.")
    return columns


def _named(source: Source, key: str, column: str | None, names: Sequence[str]) -> str | None:
    if column is not None and column not in names:
        raise SeedError(
            f"{source.path} has no column {column!r}; {listed(names)}",
            f"set {key} of the source {source.name!r} to one of them.",
        )
    return column


def guessed(usual: Sequence[str], names: Sequence[str]) -> str | None:
    """The column with the first of the usual names, in any case; None if there is none."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(name.strip().casefold().replace(" ", "_").replace("-", "_"), name)
    return next((found[name] for name in usual if name in found), None)


def listed(names: Sequence[Any]) -> str:
    """What columns there are, in words."""
    shown = ", ".join(repr(name)[:60] for name in names[:20]) or "none"
    return f"its columns are {shown}{', …' if len(names) > 20 else ''}."
