"""What all sections of the recipe share, so that a section may stand in a module of its own."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

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
