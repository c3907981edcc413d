"""How work that takes a while says how far it is; everything that does tells it in the same words."""

from typing import Protocol


class Progress(Protocol):
    """Hears how far some work is."""

    def __call__(self, done: int, total: int | None) -> None:
        """`done` of `total` rows, or of what else the work counts; `total` is None where it is not known yet."""


def silent(done: int, total: int | None) -> None:
    """Nobody listens."""
    del done, total
