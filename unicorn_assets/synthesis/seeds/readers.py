"""Sources as streams of rows, whatever their format: which reader reads a source, and the line formats themselves."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from unicorn_assets.errors import SeedError
from unicorn_assets.recipe import Format, Source
from unicorn_assets.synthesis.seeds import delimited, labels, parquet
from unicorn_assets.synthesis.seeds.files import empty, lines
from unicorn_assets.synthesis.seeds.rows import (
    MAX_ROW_BYTES,
    Columns,
    Row,
    SetAside,
    choose,
    not_utf8,
    rejected,
    row_of,
)

_ENDINGS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
    ".text": "text",
    ".toml": "labels",
}
_COMPRESSED = {".gz", ".gzip", ".zst", ".zstd"}
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_SAMPLE = 1000
"""Lines of a JSONL file whose keys count as its columns."""


def format_of(source: Source) -> Format:
    """The format of a source: as given, else by the file's ending, with or without that of its compression.

    Raises:
        SeedError: the ending says nothing.
    """
    if source.format != "auto":
        return source.format
    path = Path(source.path)
    endings = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _COMPRESSED]
    if endings and endings[-1] in _ENDINGS:
        return _ENDINGS[endings[-1]]
    raise SeedError(
        f"The format of the seed file {path} cannot be told from its name.",
        f"set format to one of jsonl, csv, tsv, parquet, text, labels, or use an ending like {', '.join(_ENDINGS)}.",
    )


def columns(source: Source) -> Columns:
    """What is taken from a source. Reads its beginning only.

    Raises:
        SeedError: the file cannot be read, or has no such column.
    """
    match format_of(source):
        case "jsonl":
            return _keys(source)
        case "csv" | "tsv" as kind:
            return delimited.columns(source, _DELIMITERS[kind])
        case "parquet":
            return parquet.columns(source)
        case other:
            if source.caption is not None or source.image_id is not None:
                raise SeedError(
                    f"The seed file {source.path} has no columns: its format is {other}.",
                    f"drop caption and image_id from the source {source.name!r}, or set its format.",
                )
            return Columns("line") if other == "text" else Columns("templates", topic="name")


def header(source: Source) -> list[str]:
    """The names of a file's columns; none where its format has none. Reads its beginning only.

    Raises:
        SeedError: the file cannot be read.
    """
    match format_of(source):
        case "jsonl":
            return _names(source)
        case "csv" | "tsv" as kind:
            return delimited.header(source, _DELIMITERS[kind])
        case "parquet":
            return parquet.header(source)
        case _:
            return []


def rows(source: Source, taken: Columns | None = None) -> Iterator[Row | SetAside]:
    """Every row of a source, in its order, streamed in bounded memory.

    Of its columns those in `taken`, by default those that the source names or that have a usual name.

    A wrong row comes as a rejected one: row_too_large, bad_encoding, nul_byte, invalid_json, not_an_object, no_caption,
    not_text, bad_image_id, bad_topic, csv_quoting, field_count. Blank lines of JSONL, CSV and TSV are no rows.

    Raises:
        SeedError: the file is wrong as a whole, or has not one row; names it, and the row reached.
    """
    some = False
    for row in _rows(source, taken or columns(source)):
        some = True
        yield row
    if not some:
        raise empty(Path(source.path))


def _rows(source: Source, taken: Columns) -> Iterator[Row | SetAside]:
    match format_of(source):
        case "jsonl":
            return _jsonl(source, taken)
        case "csv" | "tsv" as kind:
            return delimited.rows(source, taken, _DELIMITERS[kind])
        case "parquet":
            return parquet.rows(source, taken)
        case "labels":
            return labels.rows(source)
        case _:
            return _text(source)


def _decoded(number: int, line: bytes) -> str | SetAside:
    if len(line) > MAX_ROW_BYTES:
        return rejected(number, "row_too_large", "the line is over 1 MiB", line)
    if b"\x00" in line:
        return rejected(number, "nul_byte", f"NUL at byte {line.index(0) + 1}", line)
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        return rejected(number, "bad_encoding", not_utf8(error), line)


def _text(source: Source) -> Iterator[Row | SetAside]:
    for number, line in lines(Path(source.path)):
        text = _decoded(number, line)
        yield Row(number, text) if isinstance(text, str) else text


def _jsonl(source: Source, taken: Columns) -> Iterator[Row | SetAside]:
    for number, record in _records(source):
        if isinstance(record, SetAside):
            yield record
        else:
            yield row_of(number, record.get(taken.caption), record.get(taken.image_id), record.get(taken.topic))


def _records(source: Source) -> Iterator[tuple[int, dict[Any, Any] | SetAside]]:
    for number, line in lines(Path(source.path)):
        if number == 1:
            _refuse_array(source, line[:100].strip())
        if not line.strip():
            continue
        text = _decoded(number, line)
        yield number, _object(number, text) if isinstance(text, str) else text


def _object(number: int, text: str) -> dict[Any, Any] | SetAside:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: brackets nested thousands deep
        return rejected(number, "invalid_json", str(error), text)
    if not isinstance(record, dict):
        return rejected(number, "not_an_object", f"JSON of type {type(record).__name__}, not an object", text)
    return record


def _refuse_array(source: Source, beginning: bytes) -> None:
    if beginning == b"[" or beginning.startswith(b'[{"'):
        raise SeedError(
            f"The seed file {source.path} is one JSON array, not a JSON object a line.",
            "write one object a line: jq -c '.[]' OLD > NEW.",
        )


def _names(source: Source) -> list[str]:
    """The keys of the first objects of a JSONL file."""
    names: dict[str, None] = {}
    for _, record in islice(_records(source), _SAMPLE):
        if isinstance(record, dict):
            names |= dict.fromkeys(record)
    return list(names)


def _keys(source: Source) -> Columns:
    """The columns of a JSONL file. Without any object, every row will be rejected."""
    names = _names(source)
    return choose(source, names) if names else Columns(source.caption or "caption", source.image_id)
