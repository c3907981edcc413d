"""Topics that have seeds and no sample that goes out, and what took their last ones: rare content goes first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unicorn_assets.curation.decisions import ids_of
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages.base import Work
from unicorn_assets.stages.candidates import Corpus, topic_name

FILTERS = ("expanded_captions", "curated_captions", "pretrain_dataset")
"""The stages of a shard that reject samples."""
SHOWN = 20


def told(
    work: Work, shards: Sequence[str], there: Corpus, stay: Mapping[str, NDArray[np.bool_]], decided: pa.Table
) -> dict[str, Any]:
    """How many topics there are, which have no sample left, and why of the first SHOWN of them.

    Args:
        work: what they are read for.
        shards: the shards.
        there: all candidates.
        stay: (rows,) of each table, whether each candidate goes out.
        decided: the decisions.

    Raises:
        LakeError: a shard's file is missing or damaged.
    """
    out = np.zeros(len(there.topics), np.int64)
    for table, one in there.tables.items():
        topics = one.topics[stay[table]]
        out += np.bincount(topics[topics >= 0], minlength=len(out))
    gone = [there.topics[place] for place in np.flatnonzero(out == 0)]
    why: dict[str, Counter[str]] = {topic: Counter() for topic in gone[:SHOWN]}
    if why:
        _by_selection(why, there, decided)
        for shard in shards:
            _by_filters(work, shard, why)
    reasons = {
        topic: {"why": ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "no candidate"}
        for topic, counts in why.items()
    }
    return {"topics": len(there.topics), "topics_emptied": len(gone), "emptied": reasons}


def _by_selection(why: dict[str, Counter[str]], there: Corpus, decided: pa.Table) -> None:
    for table, one in there.tables.items():
        order = np.argsort(one.ids)
        mine = decided.filter(pc.equal(decided["table"], table))
        places = order[np.searchsorted(one.ids, ids_of(mine["id"]), sorter=order)]
        for topic, reason in zip(one.topics[places].tolist(), mine["reason"].to_pylist(), strict=True):
            if topic >= 0 and there.topics[topic] in why:
                why[there.topics[topic]][f"selection: {reason}"] += 1


def _by_filters(work: Work, shard: str, why: dict[str, Counter[str]]) -> None:
    seeds = {
        row["id"]: topic_name(row["topic"])
        for row in read_rows(work.lake.rows("caption_seeds", shard), ["id", "topic"])
        if row["topic"] and topic_name(row["topic"]) in why
    }
    if not seeds:
        return
    for stage in FILTERS:
        sidecar = work.lake.need(stage, shard)
        if "set_aside" in sidecar.files:
            for row in read_rows(work.lake.set_aside(stage, shard), ["id", "reason"]):
                if row["id"] in seeds:
                    why[seeds[row["id"]]][f"{stage}: {row['reason']}"] += 1
