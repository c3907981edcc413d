"""Twins: texts that others say too or nearly say, as `near_duplicates` keeps them, and which lose among those there.

Who is there is the caller's to say: the stage chooses among all, the selection among those that earlier rules leave, so
that no text loses to one that does not go out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unicorn_assets.curation.decisions import Ids
from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.choice import KEPT, SAME, choose
from unicorn_assets.curation.duplicates.finding import HOW, LEXICAL, Near
from unicorn_assets.curation.duplicates.pairs import Numbers
from unicorn_assets.curation.duplicates.shingles import Hashes
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.lists import fixed_ids, flat, id_strings, ids, numbers
from unicorn_assets.lake.shards import open_parquet, readable

PAIRS = pa.schema(
    [
        pa.field("kind", pa.string()),
        pa.field("id_a", pa.string()),
        pa.field("turn_a", pa.int32()),
        pa.field("id_b", pa.string()),
        pa.field("turn_b", pa.int32()),
        pa.field("similarity", pa.float32()),
        pa.field("how", pa.string()),
        pa.field("key_a", pa.uint64()),
        pa.field("key_b", pa.uint64()),
    ]
)
"""Columns of a pair: the best row of either text, how near they are and by what, and the texts' keys.

Rows that say the same are one text here; that they are near goes without saying.
"""

TEXTS = pa.schema(
    [
        pa.field("kind", pa.string()),
        pa.field("id", pa.string()),
        pa.field("turn", pa.int32()),
        pa.field("of", pa.int32()),
        pa.field("key", pa.uint64()),
        pa.field("quality", pa.float64()),
    ]
)
"""Columns of a text that has twins: its row, its place in there and of how many, its key, its caption's quality."""


@dataclass(frozen=True)
class Losers:
    """Texts that lose to a twin, (m,) all, in the canonical order.

    Args:
        lost: their places among the twins.
        twin: the places of those that they lose to.
        similarity: how near they are; 1 where they say the same.
        how: by what, as a place in HOW.
        same: whether they say the same.
    """

    lost: Numbers
    twin: Numbers
    similarity: NDArray[np.float32]
    how: NDArray[np.int8]
    same: Mask


@dataclass(frozen=True)
class Twins:
    """Texts of a kind that have twins, (n,) all, in the canonical order: best quality first, then by id and place.

    Args:
        ids: their rows.
        places: their places in there.
        of: how many texts their row has.
        nodes: equal where they say the same.
        keys: their nodes' keys.
        quality: the quality of their row's caption.
        near: pairs of nodes that are near; each has a text here.
    """

    ids: Ids
    places: NDArray[np.int32]
    of: NDArray[np.int32]
    nodes: Numbers
    keys: Hashes
    quality: NDArray[np.float64]
    near: Near

    def near_among(self, there: Mask) -> Near:
        """The pairs of which both nodes have one of these texts."""
        has = np.zeros(int(self.nodes.max(initial=-1)) + 1, np.bool_)
        has[self.nodes[there]] = True
        return self.near.where(has[self.near.first] & has[self.near.second])

    def losers(self, there: Mask) -> Losers:
        """Those that lose where only some are there, (n,)."""
        rows, near = np.flatnonzero(there), self.near_among(there)
        choice = choose(self.nodes[rows], np.arange(len(rows)), near)
        lost = np.flatnonzero(choice.twin != KEPT)
        pair = choice.pair[lost]
        return Losers(
            rows[lost],
            rows[choice.twin[lost]],
            np.append(near.similarity, np.float32(1))[pair],  # the last one for SAME
            np.append(near.how, np.int8(LEXICAL))[pair],
            pair == SAME,
        )

    def table(self, kind: str) -> pa.Table:
        """As rows of TEXTS."""
        columns = {
            "kind": pa.repeat(kind, len(self.ids)),
            "id": id_strings(self.ids),
            "turn": flat(pa.int32(), self.places),
            "of": flat(pa.int32(), self.of),
            "key": flat(pa.uint64(), self.keys),
            "quality": flat(pa.float64(), self.quality),
        }
        return pa.table(columns, schema=TEXTS)

    def pairs(self, kind: str) -> pa.Table:
        """As rows of PAIRS."""
        known, best = np.unique(self.nodes, return_index=True)
        columns: dict[str, Any] = {
            "kind": pa.repeat(kind, len(self.near)),
            "similarity": flat(pa.float32(), self.near.similarity),
            "how": how_names(self.near.how),
        }
        for side, nodes in (("a", self.near.first), ("b", self.near.second)):
            rows = best[np.searchsorted(known, nodes)]
            columns[f"id_{side}"] = id_strings(self.ids[rows])
            columns[f"turn_{side}"] = flat(pa.int32(), self.places[rows])
            columns[f"key_{side}"] = flat(pa.uint64(), self.keys[rows])
        return pa.table(columns).select(PAIRS.names)


def how_names(places: NDArray[np.int8]) -> pa.Array:
    """The names in HOW at these places."""
    return pa.array(HOW).take(flat(pa.int8(), places))


def how_places(names: Any) -> NDArray[np.int8]:
    """The places in HOW of these names, an Arrow array."""
    return np.asarray(pc.index_in(names, value_set=pa.array(HOW)), np.int8)


def read_twins(lake: Lake, stage: str, kind: str) -> Twins:
    """Those that stand.

    Raises:
        LakeError: a file is missing or damaged.
    """
    texts, pairs = (_read(path, kind) for path in (lake.texts(stage, ALL), lake.pairs(stage, ALL)))
    sample_ids, places = ids(fixed_ids(texts["id"])), numbers(texts["turn"])
    good, every = numbers(texts["quality"]), numbers(texts["key"])
    order = np.lexsort((places, sample_ids, -good))
    keys, nodes = np.unique(every[order], return_inverse=True)
    first, second = (np.searchsorted(keys, numbers(pairs[f"key_{side}"])) for side in "ab")
    near = Near(first, second, numbers(pairs["similarity"]), how_places(pairs["how"]))
    of = numbers(texts["of"])
    return Twins(sample_ids[order], places[order], of[order], nodes, every[order], good[order], near)


def _read(path: Path, kind: str) -> dict[str, Any]:
    """The rows of a kind, each column in one piece."""
    with open_parquet(path) as parquet, readable(path):
        found = parquet.read()
    mine = found.filter(pc.equal(found["kind"], kind))
    return {name: mine[name].combine_chunks() for name in mine.column_names}
