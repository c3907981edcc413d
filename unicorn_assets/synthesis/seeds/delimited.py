"""CSV and TSV: quoted as in RFC 4180; a quote inside a field that does not begin with one stands for itself."""

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from unicorn_assets.errors import SeedError
from unicorn_assets.recipe import Source
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


def columns(source: Source, delimiter: str) -> Columns:
    """The columns that are taken, by the names in the file's first record.

    Raises:
        SeedError: the file cannot be read, or has no such column.
    """
    return choose(source, header(source, delimiter))


def header(source: Source, delimiter: str) -> list[str]:
    """The names in the file's first record.

    Raises:
        SeedError: the file cannot be read, or its first record not as names.
    """
    return _header(source, _records(source, delimiter), delimiter)


def rows(source: Source, taken: Columns, delimiter: str) -> Iterator[Row | SetAside]:
    """Every record below the header, numbered by the line that it begins on.

    Raises:
        SeedError: the file cannot be read, or a quote is never closed.
    """
    records = _records(source, delimiter)
    names = _header(source, records, delimiter)
    places = [names.index(name) if name is not None else None for name in (taken.caption, taken.image_id, taken.topic)]
    for number, record in records:
        if isinstance(record, SetAside):
            yield record
        elif len(record) != len(names):
            detail = f"{len(record)} fields, where the header has {len(names)}"
            yield rejected(number, "field_count", detail, delimiter.join(record))
        else:
            yield row_of(number, *(record[place] if place is not None else None for place in places))


def _header(source: Source, records: Iterator[tuple[int, list[str] | SetAside]], delimiter: str) -> list[str]:
    _, names = next(records, (0, None))
    if names is None:
        raise empty(Path(source.path))
    if isinstance(names, SetAside):
        raise SeedError(
            f"The first line of {source.path} cannot be read: {names.detail}.", "let it name the columns, in UTF-8."
        )
    names = [name.strip() for name in names]
    other = next((mark for mark in "\t;|," if mark != delimiter and mark in names[0]), None)
    if len(names) == 1 and other and source.caption is None:
        raise SeedError(
            f"The columns of {source.path} seem to be separated by {other!r}, not {delimiter!r}.",
            'set format = "tsv".' if other == "\t" else 'write it with commas, or with tabs and format = "tsv".',
        )
    return names


class _Feed:
    """Lines on their way into the csv module, remembered for as long as their record lasts."""

    def __init__(self, path: Path) -> None:
        self._lines = lines(path)
        self._again: deque[tuple[int, bytes]] = deque()
        self.record: list[tuple[int, bytes]] = []
        self.size = 0
        self.fault: tuple[str, str] | None = None
        self.ended = False

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        number, line = self._again.popleft() if self._again else next(self._lines, (0, b""))
        if number == 0:
            self.ended = True
            raise StopIteration
        self.record.append((number, line))
        self.size += len(line) + 1
        if self.size > MAX_ROW_BYTES:
            raise csv.Error("the record runs on over 1 MiB")
        if b"\x00" in line:
            self.fault = ("nul_byte", f"NUL at byte {line.index(0) + 1} of line {number}")
        try:
            return line.decode("utf-8") + "\n"
        except UnicodeDecodeError as error:
            self.fault = ("bad_encoding", f"{not_utf8(error)} of line {number}")
            return line.decode("utf-8", "replace") + "\n"

    def begin(self) -> None:
        """A new record begins."""
        self.record = []
        self.size = 0
        self.fault = None

    def put_back(self) -> None:
        """All lines of the record but the first are read again, as records of their own."""
        self._again.extendleft(reversed(self.record[1:]))


def _records(source: Source, delimiter: str) -> Iterator[tuple[int, list[str] | SetAside]]:
    feed = _Feed(Path(source.path))
    # Strict, so that a quoted field with text behind it is an error and not a guess.
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.begin()
        try:
            record = next(reader, None)
        except csv.Error as error:
            yield feed.record[0][0], _bad_record(source, feed, str(error))
            continue
        if record is None:
            return
        if not record:
            continue
        number, line = feed.record[0]
        if feed.fault:
            yield number, rejected(number, *feed.fault, line)
        else:
            yield number, record


def _bad_record(source: Source, feed: _Feed, error: str) -> SetAside:
    number, line = feed.record[0]
    many = len(feed.record) > 1
    large = feed.size > csv.field_size_limit()
    if feed.ended or (many and large and len(feed.record[-1][1]) <= MAX_ROW_BYTES):
        raise SeedError(
            f"A quote in the record that begins in line {number} of {source.path} is not closed.",
            "close it, or double it if it belongs to the text.",
        )
    # What follows an opening quote may be good records: only the line with the quote is given up.
    feed.put_back()
    if large and not many:
        return rejected(number, "row_too_large", "the line is over 1 MiB, or one field over 128 KiB", line)
    return rejected(number, "csv_quoting", error, line)
