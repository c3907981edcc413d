"""What is near what over all shards: what a former run found and still holds, and what is new since."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.finding import SEMANTIC, Near, find, joined
from unicorn_assets.curation.duplicates.nodes import NONE, Nodes, nodes
from unicorn_assets.curation.duplicates.pairs import Numbers
from unicorn_assets.curation.duplicates.signatures import algorithm
from unicorn_assets.curation.duplicates.sketches import sketches
from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import sha256
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.lists import numbers
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.lake.signature_files import Signed
from unicorn_assets.stages import meaning
from unicorn_assets.stages.base import Work
from unicorn_assets.stages.compared import Kind
from unicorn_assets.stages.twins import how_places

HEADER = b"unicorn_assets"


@dataclass(frozen=True)
class Found:
    """What was found among the texts of a kind.

    Args:
        kind: the kind.
        shards: the shards that were looked at, in the order of the nodes' rows.
        signed: the texts of each of them.
        nodes: their texts.
        near: pairs that are near.
        looked: by what it was judged, and at which content of each shard; what a later run goes by.
        compared: how many nodes were new to this run.
    """

    kind: Kind
    shards: Sequence[str]
    signed: Sequence[Signed]
    nodes: Nodes
    near: Near
    looked: Mapping[str, Any]
    compared: int

    def texts(self, rows: Numbers) -> list[str]:
        """The texts of some rows."""
        return texts_at(self.signed, self.nodes, rows)


class Before:
    """What the former run left, if that can be used.

    Args:
        work: the stage that is about to be made again.
    """

    def __init__(self, work: Work) -> None:
        self._pairs: pa.Table | None = None
        self._texts: pa.Table | None = None
        self._looked: Mapping[str, Any] = {}
        try:
            standing = work.lake.sidecar(work.stage, ALL)
            paths = {"pairs": work.lake.pairs(work.stage, ALL), "texts": work.lake.texts(work.stage, ALL)}
            for name, path in paths.items():
                described = None if standing is None else standing.files.get(name)
                if described is None or not path.is_file() or sha256(path) != described.sha256:
                    return
            with open_parquet(paths["texts"]) as parquet, readable(paths["texts"]):
                self._texts = parquet.read(["kind", "key"])
            with open_parquet(paths["pairs"]) as parquet, readable(paths["pairs"]):
                self._pairs = parquet.read(["kind", "key_a", "key_b", "similarity", "how"])
                self._looked = json.loads(parquet.schema_arrow.metadata[HEADER])
        except LakeError:
            return  # all is compared again

    def unchanged(self, kind: Kind, by: Mapping[str, Any], contents: Mapping[str, str]) -> Mask:
        """Which shards were looked at as they are now, by the same rules, (shards,)."""
        looked = self._looked.get(kind.name, {})
        known = looked.get("shards", {}) if looked.get("by") == by else {}
        return np.array([known.get(shard) == content for shard, content in contents.items()], np.bool_)

    def same(self, kind: Kind, found: Nodes, unchanged: Mask) -> Mask:
        """Which nodes are said by the very rows that said them, (n,).

        Those in unchanged shards said them before, so it is enough that they are all, and as many as before. Of a text
        that had no twin, one row said it.
        """
        now = np.bincount(found.of_row[found.of_row != NONE], minlength=len(found))
        before = np.ones(len(found), np.int64)
        if self._texts is not None:
            mine = self._texts.filter(pc.equal(self._texts["kind"], kind.name))
            places = found.with_keys(numbers(mine["key"].combine_chunks()))
            nodes, counts = np.unique(places[places != NONE], return_counts=True)
            before[nodes] = counts
        mask: Mask = ~found.in_shards(~unchanged) & (now == before)
        return mask

    def near(self, kind: Kind, found: Nodes, old: Mask) -> Near:
        """The pairs of nodes that were both there."""
        if self._pairs is None:
            return joined([])
        mine = self._pairs.filter(pc.equal(self._pairs["kind"], kind.name))
        first, second = (found.with_keys(numbers(mine[name].combine_chunks())) for name in ("key_a", "key_b"))
        whole = Near(first, second, numbers(mine["similarity"].combine_chunks()), how_places(mine["how"]))
        there = (first != NONE) & (second != NONE)
        there[there] = old[first[there]] & old[second[there]]
        return whole.where(there)


def look(work: Work, kind: Kind, shards: Sequence[str], before: Before) -> Found:
    """Finds what is near what among the texts of a kind.

    Of shards that a former run has looked at, no signature is made again, and only the texts of candidates are read.

    Raises:
        LakeError: a shard is missing or damaged, or signatures cannot be written.
        TooManyPairsError: too many texts are alike.
    """
    chosen = work.recipe.duplicates
    by = {"algorithm": dict(algorithm()), "jaccard": chosen.jaccard, **kind.judged_by(chosen)}
    cosine = kind.cosine(chosen)
    signed, contents = [], {}
    for shard in shards:
        found, contents[shard] = kind.signed(work, shard)
        if cosine is not None:
            contents[shard] = digest([contents[shard], meaning.content(work, kind, shard)])
        signed.append(found)
        work.progress(len(signed), len(shards))
    sketched = [one.signatures for one in signed]
    known = nodes(sketched)
    unchanged = before.unchanged(kind, by, contents)
    old = known.in_shards(unchanged)

    def texts_of(wanted: Numbers) -> list[str]:
        return texts_at(signed, known, known.row[wanted])

    fresh = find(
        sketches(known, sketched, ~old),
        texts_of,
        words=kind.words(chosen),
        jaccard=chosen.jaccard,
        contained=kind.contained(chosen),
    )
    parts = [before.near(kind, known, old), fresh]
    if cosine is not None:
        same = before.same(kind, known, unchanged)
        parts[0] = parts[0].where((parts[0].how != SEMANTIC) | (same[parts[0].first] & same[parts[0].second]))
        parts.append(meaning.near_in_meaning(work, kind, shards, signed, known, ~same, cosine))
    return Found(kind, shards, signed, known, joined(parts), {"by": by, "shards": contents}, int((~old).sum()))


def texts_at(signed: Sequence[Signed], found: Nodes, rows: Numbers) -> list[str]:
    """The texts of some rows, of which alone something is read."""
    texts = [""] * len(rows)
    shard, place = found.place_of(rows)
    for number in np.unique(shard).tolist():
        here = np.flatnonzero(shard == number)
        for where, text in zip(here.tolist(), signed[number].at(place[here]), strict=True):
            texts[where] = text
    return texts
