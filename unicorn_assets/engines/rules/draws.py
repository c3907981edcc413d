"""Draws of one row: a hash spread over choices, so that they depend on the row alone and cost next to nothing."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """Choices that follow from a number and a text.

    One hash of 1,024 bits is read as a number in mixed radix: each choice takes the remainder by the number of
    options and leaves the quotient. An expansion needs about 300 bits, a dialog up to about
    600; once they are used up, every choice would be the first option.
    """

    def __init__(self, number: int, text: str) -> None:
        source = f"{number}\x00{text}".encode("utf-8", "surrogatepass")
        self._state = int.from_bytes(hashlib.shake_128(source).digest(128), "big")

    def below(self, limit: int) -> int:
        """A number, 0 <= number < limit."""
        self._state, drawn = divmod(self._state, limit)
        return drawn

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, which must not be empty."""
        self._state, drawn = divmod(self._state, len(options))
        return options[drawn]

    def fresh(self, options: Sequence[str], used: set[str]) -> str:
        """An option outside `used`, to which it is added. From the drawn place on; the drawn one if all are used."""
        start = self.below(len(options))
        for place in range(start, start + len(options)):
            option = options[place % len(options)]
            if option not in used:
                used.add(option)
                return option
        return options[start]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """All options in a drawn order."""
        rest = list(options)
        return [rest.pop(self.below(len(rest))) for _ in range(len(options))]
