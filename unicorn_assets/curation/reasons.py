"""Why something is not kept: the one shape that all rules answer in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a caption, a turn or a dialog is not kept: a stable code to count by, and a detail to read."""

    code: str
    detail: str
