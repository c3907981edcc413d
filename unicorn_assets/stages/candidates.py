"""The candidates of all fresh shards, as columns in memory: 29 bytes a candidate, so that millions of them fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets import text
from unicorn_assets.curation.decisions import Ids, ids_of
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.mix import Task
from unicorn_assets.release.tables import SOURCES
from unicorn_assets.stages.base import Work

TASKS: tuple[Task, ...] = get_args(Task)
NO_TOPIC = -1


@dataclass(frozen=True)
class Candidates:
    """The candidates of one table.

    Args:
        ids: (rows,) their ids, shard by shard, sorted in each.
        topics: (rows,) the topic of their seed by its place in the corpus's; NO_TOPIC where it has none.
        tasks: (rows,) their task by its place in TASKS.
        words: (rows,) words of their caption; 0 where they were not counted.
    """

    ids: Ids
    topics: NDArray[np.int32]
    tasks: NDArray[np.int8]
    words: NDArray[np.int32]

    def has(self, ids: Ids) -> NDArray[np.bool_]:
        """(len(ids),) whether each of these is a candidate."""
        return np.isin(ids, self.ids)


@dataclass(frozen=True)
class Corpus:
    """All candidates, and how many seeds they come from.

    Args:
        topics: the topics of the seeds, sorted, in lower case.
        seeds: how many seeds each of them has.
        all_seeds: how many seeds there are, those without a topic too.
        tables: the candidates of each table.
    """

    topics: tuple[str, ...]
    seeds: tuple[int, ...]
    all_seeds: int
    tables: Mapping[str, Candidates]


def topic_name(topic: str) -> str:
    """A topic as topics are compared."""
    return " ".join(topic.split()).casefold()


def read_corpus(work: Work, shards: Sequence[str], *, count_words: bool) -> Corpus:
    """All candidates of these shards.

    Args:
        work: what they are read for.
        shards: the shards.
        count_words: whether words of captions are counted, which takes most of the time.

    Raises:
        LakeError: a shard's file is missing or damaged.
    """
    places: dict[str, int] = {}
    seeds: list[int] = []
    parts: dict[str, list[tuple[Ids, NDArray[np.int32], NDArray[np.int8], NDArray[np.int32]]]] = {}
    done = all_seeds = 0
    for shard in shards:
        known: dict[str, int] = {}
        samples, named = _columns(work, "caption_seeds", shard, ["id", "topic"])
        all_seeds += len(samples)
        for sample, topic in zip(samples, named, strict=True):
            if topic:
                place = known[sample] = places.setdefault(topic_name(topic), len(places))
                seeds += [0] * (place == len(seeds))
                seeds[place] += 1
        for table, stage in SOURCES.items():
            dialogs = table == "instruction"
            names = ["id", *(["task"] if dialogs else []), *(["caption"] if count_words else [])]
            found = dict(zip(names, _columns(work, stage, shard, names), strict=True))
            ids = found["id"]
            topics = np.fromiter((known.get(one, NO_TOPIC) for one in ids), np.int32, len(ids))
            tasks = [TASKS.index(one) for one in found["task"]] if dialogs else [0] * len(ids)
            words = [len(text.words(one)) for one in found["caption"]] if count_words else [0] * len(ids)
            part = (ids_of(ids), topics, np.asarray(tasks, np.int8), np.asarray(words, np.int32))
            parts.setdefault(table, []).append(part)
            done += len(ids)
            work.progress(done, None)
    order = sorted(places)
    renamed = np.zeros(len(places) + 1, np.int32)
    renamed[[places[name] for name in order]] = np.arange(len(order))
    renamed[NO_TOPIC] = NO_TOPIC
    return Corpus(
        tuple(order),
        tuple(seeds[places[name]] for name in order),
        all_seeds,
        {table: _joined(parts.get(table, []), renamed) for table in SOURCES},
    )


def _joined(
    parts: Sequence[tuple[Ids, NDArray[np.int32], NDArray[np.int8], NDArray[np.int32]]], renamed: NDArray[np.int32]
) -> Candidates:
    if not parts:
        return Candidates(ids_of([]), np.empty(0, np.int32), np.empty(0, np.int8), np.empty(0, np.int32))
    ids, topics, tasks, words = zip(*parts, strict=True)
    return Candidates(
        np.concatenate(ids), renamed[np.concatenate(topics)], np.concatenate(tasks), np.concatenate(words)
    )


def _columns(work: Work, stage: str, shard: str, names: list[str]) -> list[list[str]]:
    path = work.lake.rows(stage, shard)
    with open_parquet(path) as parquet, readable(path):
        missing = set(names) - set(parquet.schema_arrow.names)
        if missing:
            raise pa.ArrowInvalid(f"it has no column {min(missing)!r}")
        table = parquet.read(names)
        return [table[name].to_pylist() for name in names]
