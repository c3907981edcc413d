"""Decisions about the whole corpus: which candidates do not go out, and why.

One row a table and id; where several rules keep a candidate out, the first gives the reason.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unicorn_assets.identity import ID_LENGTH

SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "table", "reason", "detail", "evidence")])
"""Columns of a decision: the sample, the table that it leaves (`pretrain` or `instruction`), why, in words, and what
stands against it: the id of its twin, or a row of a benchmark."""

Ids = NDArray[np.bytes_]
"""Ids as an array of `S20`."""


def table_of(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Decisions as a table; `detail` and `evidence` may be left out."""
    return pa.Table.from_pylist([{"detail": "", "evidence": "", **row} for row in rows], SCHEMA)


def merged(found: Sequence[pa.Table]) -> pa.Table:
    """Decisions of several rules as one table, sorted by id and table; where two concern one row, the first rule's.

    Args:
        found: a table of SCHEMA from each rule, in the order of the rules; its rows in any order.
    """
    ranked = [one.append_column("rank", pa.array([rank] * len(one), pa.int32())) for rank, one in enumerate(found)]
    whole = pa.concat_tables([SCHEMA.empty_table().append_column("rank", pa.array([], pa.int32())), *ranked])
    order = [(name, "ascending") for name in ("id", "table", "rank", "reason", "detail", "evidence")]
    whole = whole.sort_by(order).select(SCHEMA.names).combine_chunks()
    if not len(whole):
        return whole
    key = pc.binary_join_element_wise(whole["id"], whole["table"], "/").combine_chunks()
    first = np.append(True, pc.not_equal(key[1:], key[:-1]).to_numpy(zero_copy_only=False))
    return whole.filter(pa.array(first))


def ids_of(names: pa.ChunkedArray | pa.Array | Sequence[str]) -> Ids:
    """Ids as an array of `S20`."""
    return np.asarray(names, f"S{ID_LENGTH}")


@dataclass(frozen=True)
class Leaving:
    """Which rows of each table leave.

    Args:
        ids: (rows,) the ids of each table, sorted.
    """

    ids: Mapping[str, Ids]

    @classmethod
    def of(cls, decided: pa.Table) -> "Leaving":
        """Those of a table of decisions."""
        found = {}
        for table in pc.unique(decided["table"]).to_pylist():
            found[table] = np.sort(ids_of(decided.filter(pc.equal(decided["table"], table))["id"]))
        return cls(found)

    def stays(self, table: str, ids: Ids) -> NDArray[np.bool_]:
        """(rows,) whether each of these rows of a table stays."""
        leaving = self.ids.get(table)
        return np.ones(len(ids), bool) if leaving is None else ~np.isin(ids, leaving)
