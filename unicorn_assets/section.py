"""What all sections of recipe and settings share: how they are checked, flattened, and how their errors read."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Count = Annotated[int, Field(ge=1, le=10**12)]  # small enough for every table


class Section(BaseModel):
    """A part of the recipe: frozen, closed to keys it does not know, strict: neither true nor "4" is a number."""

    # Defaults are validated too: a 171 that is read back as 171.0 would give another fingerprint.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


def named(path: str, what: str) -> str:
    """The path, if it can name `what`.

    Raises:
        ValueError: it is empty or cannot be written in UTF-8.
    """
    if not path.strip() or "\x00" in path or path.encode(errors="replace").decode() != path:
        raise ValueError(f"must name {what}, in UTF-8")
    return path


_PLAINLY = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is missing",
    "tuple_type": "must be a list, its entries under double brackets like [[seeds.sources]]",
    "model_type": "must be a table of keys",
}


def explain(error: ValidationError) -> str:
    """One line a wrong key: its dotted name, what is wrong, and what was given."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"]) or "recipe"
        wrong = _PLAINLY.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        given = "" if isinstance(problem["input"], dict) or wrong in _PLAINLY.values() else repr(problem["input"])[:80]
        lines.append(f"  {key}: {wrong}" + (f" (given: {given})" if given else ""))
    return "\n".join(lines)


def flatten(table: Any, prefix: str = "") -> dict[str, Any]:
    """A nested table as one of dotted keys."""
    if isinstance(table, dict):
        pairs = [(str(key), value) for key, value in table.items()]
    elif isinstance(table, list | tuple):
        pairs = [(str(position), value) for position, value in enumerate(table)]
    else:
        return {prefix: table}
    flat: dict[str, Any] = {}
    for key, value in pairs:
        flat |= flatten(value, f"{prefix}.{key}" if prefix else key)
    return flat
