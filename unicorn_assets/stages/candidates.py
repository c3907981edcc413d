"""The candidates of all fresh shards, as columns in memory: 20 bytes an id, so that millions of them fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.decisions import Ids, ids_of
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.release.tables import SOURCES
from unicorn_assets.stages.base import Work


@dataclass(frozen=True)
class Candidates:
    """The candidates of one table.

    Args:
        ids: (rows,) their ids, shard by shard, sorted in each.
    """

    ids: Ids

    def has(self, ids: Ids) -> NDArray[np.bool_]:
        """(len(ids),) whether each of these is a candidate."""
        return np.isin(ids, self.ids)


def read_candidates(work: Work, table: str, shards: Sequence[str]) -> Candidates:
    """The candidates of a table in these shards.

    Raises:
        LakeError: a shard's file is missing or damaged.
    """
    parts = [ids_of([])]
    for shard in shards:
        path = work.lake.rows(SOURCES[table], shard)
        with open_parquet(path) as parquet, readable(path):
            parts.append(ids_of(parquet.read(["id"])["id"]))
        work.progress(sum(map(len, parts)), None)
    return Candidates(np.concatenate(parts))
