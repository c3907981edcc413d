"""Products of which each row comes out the same, whatever stands beside it."""

import numpy as np

from unicorn_assets.transfer.rows import Doubles

TILE_ROWS = 256
"""Rows of a product. Fixed: BLAS may add up in another order for another number of rows."""


def product(rows: Doubles, matrix: Doubles) -> Doubles:
    """Gives rows @ matrix in tiles of TILE_ROWS.

    In float64, where a row's result does not depend on its place in the tile either; in float32, where OpenBLAS takes
    half the time, it does.

    Args:
        rows: (n, d).
        matrix: (d, e).
    """
    out = np.empty((len(rows), matrix.shape[1]))
    tile = np.zeros((TILE_ROWS, matrix.shape[0]))
    for start in range(0, len(rows), TILE_ROWS):
        part = rows[start : start + TILE_ROWS]
        tile[: len(part)] = part
        out[start : start + len(part)] = (tile @ matrix)[: len(part)]
    return out
