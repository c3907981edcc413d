"""Texts that are near in meaning: captions by the embeddings that the lake has, questions by some made for it.

A text that several rows say has an embedding each, for they may differ in letter case or punctuation: that of the row
with the least id counts, whichever shards came first.
"""

from collections.abc import Sequence

import numpy as np

from unicorn_assets.curation.duplicates import semantic
from unicorn_assets.curation.duplicates.banding import Mask
from unicorn_assets.curation.duplicates.finding import Near, joined
from unicorn_assets.curation.duplicates.nodes import NONE, Nodes
from unicorn_assets.curation.duplicates.pairs import Numbers
from unicorn_assets.curation.duplicates.semantic import Halves
from unicorn_assets.errors import LakeError
from unicorn_assets.lake.lists import fixed_ids, ids
from unicorn_assets.lake.signature_files import Signed
from unicorn_assets.lake.vectors import VectorRows, vector_batches
from unicorn_assets.stages.base import Work
from unicorn_assets.stages.compared import QUESTIONS, Kind
from unicorn_assets.stages.question_vectors import encoded_by, question_vectors

EMBEDDINGS = "text_embeddings"


def content(work: Work, kind: Kind, shard: str) -> str:
    """What the embeddings of a shard's texts are known by, beside the texts.

    Raises:
        LakeError: those of captions are missing or damaged.
    """
    if kind is QUESTIONS:
        return encoded_by(work)
    return work.lake.need(EMBEDDINGS, shard).files["vectors"].sha256


def near_in_meaning(
    work: Work,
    kind: Kind,
    shards: Sequence[str],
    signed: Sequence[Signed],
    found: Nodes,
    new: Mask,
    cosine: float,
) -> Near:
    """Pairs of texts whose embeddings have this cosine or more, one of them new at least.

    Args:
        work: what they are looked for.
        kind: the kind of the texts.
        shards: the shards.
        signed: the texts of each shard.
        found: the nodes of those.
        new: which of these are new in meaning, (n,).
        cosine: least cosine.

    Raises:
        LakeError: a caption has no embedding, or a file of them is missing, damaged or of another length; those of
            questions cannot be written.
        TooManyPairsError: too many are near.
    """
    if not new.any():
        return joined([])
    rows = _speakers(signed, found)
    order = np.argsort(rows)
    shard, place = found.place_of(rows[order])
    paths = {}
    for number in np.unique(shard).tolist():
        name = shards[number]
        if kind is QUESTIONS:
            paths[number] = question_vectors(work, name, signed[number])
        else:
            paths[number] = work.lake.vectors(EMBEDDINGS, name)
            here = shard == number
            place[here] = _rows(work, name, signed[number].ids[place[here]])
    vectors = VectorRows(paths)

    def embeddings_of(places: Numbers) -> Halves:
        return vectors.take(shard[places], place[places])

    total = int(new.sum())
    return semantic.find(order, new[order], embeddings_of, cosine, lambda done: work.progress(done, total))


def _speakers(signed: Sequence[Signed], found: Nodes) -> Numbers:
    """The row of each node whose id is the least, (n,)."""
    rows, worded = found.row.copy(), np.flatnonzero(found.of_row != NONE)
    several = np.bincount(found.of_row[worded], minlength=len(found)) > 1
    said = worded[several[found.of_row[worded]]]
    if len(said):
        every = np.concatenate([one.ids for one in signed])[said]
        order = np.lexsort((every, found.of_row[said]))
        first = np.unique(found.of_row[said][order], return_index=True)
        rows[first[0]] = said[order][first[1]]
    return rows


def _rows(work: Work, shard: str, wanted: np.ndarray) -> Numbers:
    """Where the embeddings of some captions of a shard stand in their file."""
    parts = [ids(fixed_ids(names)) for names, _ in vector_batches(work.lake.vectors(EMBEDDINGS, shard))]
    there = np.concatenate([wanted[:0], *parts])
    place = np.minimum(np.searchsorted(there, wanted), max(len(there) - 1, 0))
    absent = np.flatnonzero(there[place] != wanted) if len(there) else np.arange(len(wanted))
    if len(absent):
        raise LakeError(
            f"{EMBEDDINGS} [{shard}] holds no embedding of {wanted[absent[0]].decode()}, a row of pretrain_dataset.",
            f"materialize {EMBEDDINGS} [{shard}] again, or leave `cosine` out of the recipe's [duplicates] section.",
        )
    return place
