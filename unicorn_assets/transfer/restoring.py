"""Whether parameters and tensors out of a file are those of a method: names, types and shapes, all at once."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.rows import Doubles


def restored(
    what: str,
    parameters: Mapping[str, Any],
    wanted: Mapping[str, Callable[[Any], bool]],
    tensors: Mapping[str, Doubles],
    shapes: Mapping[str, str],
) -> None:
    """Refuses what is not exactly as wanted.

    Args:
        what: the method, with its article.
        parameters: as they stand in the file.
        wanted: for each parameter whether a value will do.
        tensors: as they stand in the file.
        shapes: for each tensor its axes, a letter each; axes of one letter have one length.

    Raises:
        TransferError: a name is missing or too many, a value will not do, or a tensor is not finite float64 of its
            shape.
    """
    fits = parameters.keys() == wanted.keys() and tensors.keys() == shapes.keys()
    fits = fits and all(will_do(parameters[name]) for name, will_do in wanted.items())
    lengths: dict[str, int] = {}
    for name, axes in shapes.items() if fits else ():
        tensor = tensors[name]
        fits = fits and tensor.dtype == np.float64 and tensor.ndim == len(axes) and bool(np.isfinite(tensor).all())
        fits = fits and all(
            lengths.setdefault(axis, length) == length for axis, length in zip(axes, tensor.shape, strict=True)
        )
    if not fits:
        raise TransferError(f"The parameters are not those of {what}.", "fit it again.")


def flag(value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def whole(value: Any) -> bool:
    """A whole number, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def positive(value: Any) -> bool:
    """A finite number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def maybe(will_do: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """The same, or nothing."""
    return lambda value: value is None or will_do(value)


def share(value: Any) -> bool:
    """A number from 0 to 1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
