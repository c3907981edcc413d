"""What every method asks of embeddings before it uses them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.lake.halves import widen

UNIT_TOLERANCE = 1e-2
"""How far a row's norm may be from 1: wide enough for float16, narrow enough to find rows that nobody normalised."""

LEAST_NORM = 2.0**-11
"""A difference shorter than this is float16's own rounding of a unit vector: it has no direction of its own."""

Doubles = NDArray[np.float64]


def check(rows: NDArray[Any], dimension: int, first: int = 0, *, unit: bool = True) -> Doubles:
    """The rows in float64, (n, dimension), once they are found fit for use; `checked` without the norms."""
    return checked(rows, dimension, first, unit=unit)[0]


def checked(rows: NDArray[Any], dimension: int, first: int = 0, *, unit: bool = True) -> tuple[Doubles, Doubles]:
    """The rows in float64, (n, dimension), once they are found fit for use, and their squared norms, (n,).

    Args:
        rows: embeddings of any float type, (n, dimension).
        dimension: length that each must have.
        first: number of the first row, for the error.
        unit: whether their norms must be 1, within `UNIT_TOLERANCE`.

    Raises:
        TransferError: the shape is wrong, or a row is not finite, zero or not of unit norm; names the row.
    """
    if rows.ndim != 2 or rows.shape[1] != dimension:
        raise TransferError(
            f"The embeddings from row {first} on have the shape {rows.shape} instead of (rows, {dimension}).",
            "give embeddings of one encoder only, and fit the transfer on the same encoder's embeddings.",
        )
    if not np.issubdtype(rows.dtype, np.floating):
        raise TransferError(
            f"The embeddings from row {first} on are of type {rows.dtype}.", "give float16, float32 or float64."
        )
    doubles: Doubles = widen(rows, np.float64) if rows.dtype == np.float16 else rows.astype(np.float64)
    squares: Doubles = np.vecdot(doubles, doubles)
    norms = np.sqrt(squares)
    if unit and (np.abs(norms - 1) <= UNIT_TOLERANCE).all():
        return doubles, squares
    _refuse(~np.isfinite(norms), first, "holds NaN or an infinity", "remove that row or embed its text again.")
    if unit:
        _refuse(norms == 0, first, "is a zero vector", "remove that row or embed its text again.")
        worst = np.abs(norms - 1)
        _refuse(worst > UNIT_TOLERANCE, first, "is not of unit norm", "divide each row by its norm first.", norms)
    return doubles, squares


def norm(rows: Doubles) -> Doubles:
    """The norm of each row, (n,). The sum over a row does not depend on the rows beside it."""
    squares: Doubles = np.einsum("ij,ij->i", rows, rows)
    return np.sqrt(squares)


def directions(rows: Doubles) -> Doubles:
    """The same rows, each divided by its norm in place; one shorter than LEAST_NORM becomes zero."""
    norms = norm(rows)
    lost = norms < LEAST_NORM
    rows /= np.where(lost, 1.0, norms)[:, None]
    rows[lost] = 0.0
    return rows


def emptied(rows: Doubles) -> NDArray[np.bool_]:
    """Which rows are zero, (n,); looks beyond the first number only where that is zero."""
    found: NDArray[np.bool_] = rows[:, 0] == 0
    found[found] = norm(rows[found]) == 0
    return found


def _refuse(bad: NDArray[np.bool_], first: int, what: str, cure: str, norms: Doubles | None = None) -> None:
    found = np.flatnonzero(bad)
    if found.size:
        shown = f" (its norm is {norms[found[0]]:.4g})" if norms is not None else ""
        raise TransferError(
            f"Row {first + found[0]} {what}{shown}; {found.size} of the {bad.size} rows from row {first} on do.", cure
        )
