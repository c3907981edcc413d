"""A sample of embeddings out of a stream: the rows whose ids hash lowest, so any order and any shards give the same."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.identity import row_seed
from unicorn_assets.transfer.rows import check

Singles = NDArray[np.float32]


class Reservoir:
    """Holds at most `size` rows, in float32; while it gathers, up to twice as many.

    Args:
        dimension: length of an embedding.
        size: how many rows to keep.
    """

    def __init__(self, dimension: int, size: int) -> None:
        self.dimension, self.size = dimension, size
        self.seen = 0
        self._ids: list[str] = []
        self._draws = np.empty(0, np.uint64)
        self._rows: Singles = np.empty((0, dimension), np.float32)

    def add(self, ids: Sequence[str], rows: NDArray[Any]) -> None:
        """Takes in embeddings (n, dimension) of any float type and their n ids.

        Raises:
            TransferError: the rows are not fit for use (`rows.check`); names the row, counted over all calls.
        """
        singles = check(rows, self.dimension, self.seen).astype(np.float32)
        self.seen += len(ids)
        self._take(ids, np.array([row_seed(name, "reservoir") for name in ids], np.uint64), singles)

    def merge(self, other: Self) -> None:
        """Takes in what another instance of the same size gathered.

        Raises:
            TransferError: the dimensions or the sizes differ.
        """
        if (other.dimension, other.size) != (self.dimension, self.size):
            raise TransferError("Two samples differ in size or dimension.", "gather both in one way.")
        self.seen += other.seen
        self._take(other._ids, other._draws, other._rows)

    def _take(self, ids: Sequence[str], draws: NDArray[np.uint64], rows: Singles) -> None:
        all_ids, all_draws = [*self._ids, *ids], np.concatenate([self._draws, draws])
        # By id where two draws are equal, so that the order of arrival never matters.
        order = np.lexsort((np.array(all_ids, np.str_), all_draws))[: self.size]
        held = len(self._ids)
        kept = np.empty((len(order), self.dimension), np.float32)
        old = order < held
        kept[old], kept[~old] = self._rows[order[old]], rows[order[~old] - held]
        self._ids, self._draws, self._rows = [all_ids[number] for number in order], all_draws[order], kept

    def ids(self) -> list[str]:
        """The ids of the sample, in the order of its rows."""
        return list(self._ids)

    def rows(self) -> Singles:
        """The sample, (at most size, dimension), in the order of its draws."""
        return self._rows
