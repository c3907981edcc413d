"""Turns plain values into metadata that reads well: flat numbers that the UI plots, tables, cells, bars."""

import re
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

import dagster as dg

from unicorn_assets.curation.histogram import Bin

CELL_CHARACTERS = 160
SHORT_CHARACTERS = 45
"""A text that is longer gets a line of its own in a sample."""
INLINE_CHARACTERS = 1_000
"""Markdown that is as long stands behind a button in the UI."""
DECIMALS = 4
BAR_CHARACTERS = 20

_MARKDOWN = re.compile(r"[\\`*_<>\[\]|~#&]")

Scalar = str | int | float | bool


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of named values, a group's members by their names behind its own: `gap/rows`.

    Numbers and texts stand for themselves; a group of groups of scalars becomes a table, anything else JSON.
    """
    shown: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Scalar):
            shown[name] = _number(value) if isinstance(value, float) else value
        elif isinstance(value, Mapping) and _scalars(value.values()):
            shown |= flat({f"{name}/{key}": one for key, one in value.items()})
        elif isinstance(value, Mapping) and value and all(isinstance(one, Mapping) for one in value.values()):
            shown[name] = table({"name": key, **one} for key, one in value.items())
        elif isinstance(value, list) and _scalars(value):
            shown[name] = ", ".join(map(str, value)) or "none"
        else:
            shown[name] = dg.MetadataValue.json(value)
    return shown


def _number(value: float) -> float | str:
    """Rounded for people; as text where JSON has no number for it."""
    return round(value, 6) if isfinite(value) else str(value)


def _scalars(values: Iterable[Any]) -> bool:
    return all(isinstance(one, Scalar) for one in values)


def table(rows: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows as a table, without the columns that all of them leave empty.

    Args:
        rows: one or more rows with the same names.
    """
    cells = [{name: cell(value) for name, value in row.items()} for row in rows]
    names = [name for name in cells[0] if any(row[name] != "" for row in cells)]
    columns = [dg.TableColumn(name, _type(cells[0][name])) for name in names]
    records = [dg.TableRecord({name: row[name] for name in names}) for row in cells]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def _type(value: Scalar) -> str:
    return {str: "string", bool: "bool", int: "int", float: "float"}[type(value)]


def cell(value: Any) -> Scalar:
    """A value as it stands in a table: short, numbers rounded, what was said in turns as a dialog."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, DECIMALS)
    text = _text(value)
    return text if len(text) <= CELL_CHARACTERS else text[:CELL_CHARACTERS].rstrip() + " …"


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case {"from": who, "value": said}:
            return f"{who}: {_text(said)}"
        case {"question": question, "answer": answer}:
            return f"Q: {question} A: {answer}"
        case Mapping():
            return ", ".join(f"{key}: {_text(one)}" for key, one in value.items())
        case list():
            return " / ".join(map(_text, value))
    return " ".join(str(value).split())


def sample(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue[Any]:
    """A few rows: as a table where all is short; else as text, as many as the UI shows in their place.

    Args:
        rows: one or more rows with the same names.
    """
    cells = [{name: cell(value) for name, value in row.items()} for row in rows]
    if all(len(str(one)) <= SHORT_CHARACTERS for row in cells for one in row.values()):
        return table(rows)
    text = _described(cells[0])
    for row in cells[1:]:
        longer = f"{text}\n\n---\n\n{_described(row)}"
        if len(longer) >= INLINE_CHARACTERS:
            break
        text = longer
    return dg.MetadataValue.md(text)


def _described(row: Mapping[str, Scalar]) -> str:
    """A row: a line for each long text, then one for all that is short."""
    lengthy = [name for name, one in row.items() if len(str(one)) > SHORT_CHARACTERS]
    lines = [f"**{name}**: {escaped(str(row[name]))}" for name in lengthy]
    short = [f"{name} `{one}`" for name, one in row.items() if name not in lengthy and one != ""]
    return "  \n".join([*lines, ", ".join(short)])


def escaped(text: str) -> str:
    """Text as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def numbers(vector: Sequence[float], shown: int = 4) -> str:
    """The first numbers of a vector, and how many it has."""
    return f"[{', '.join(f'{number:.3f}' for number in vector[:shown])}, …] ({len(vector):,} numbers)"


def bars(unit: str, rows: int, bins: Sequence[Bin]) -> dg.MarkdownMetadataValue:
    """A histogram as text, short enough for the UI to show it in its place.

    Args:
        unit: what is counted.
        rows: rows that were looked at.
        bins: the counts.
    """
    labels = [f"{one.least:,}" if one.least == one.most else f"{one.least:,}-{one.most:,}" for one in bins]
    width, most = max(map(len, labels)), max(one.values for one in bins)
    lines = [
        f"{label:>{width}} {'█' * round(BAR_CHARACTERS * one.values / most) or '▏' * bool(one.values)} {one.values:,}"
        for label, one in zip(labels, bins, strict=True)
    ]
    return dg.MetadataValue.md("\n".join([f"{unit}, {rows:,} rows", "```", *lines, "```"]))
