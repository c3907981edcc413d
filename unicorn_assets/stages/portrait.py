"""What a shard looks like: a few of its rows, how long they are, and how varied.

Taken of the first rows by id. Ids are hashes, so these are as good as drawn, and the same each time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from statistics import fmean
from typing import Any

from unicorn_assets.curation.diversity import Diversity, diversity
from unicorn_assets.curation.histogram import Bin, histogram
from unicorn_assets.lake.halves import Halves
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import first_rows
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.text import words

LOOKED_AT = 2_000
"""Rows that are measured: 200,000 words of captions, a tenth of a second."""
SAMPLE_ROWS = 5


@dataclass(frozen=True)
class Look:
    """What is measured of a stage's rows.

    Args:
        column: the column that is read.
        unit: what a row's length counts.
        length: the length of a row by its column.
        texts: the texts of a row by its column; None where it has none.
        what: what those texts are, in the plural.
    """

    column: str
    unit: str
    length: Callable[[Any], int]
    texts: Callable[[Any], Iterator[str]] | None = None
    what: str = ""


def _whole(text: str) -> Iterator[str]:
    yield text


def _questions(turns: list[dict[str, Any]]) -> Iterator[str]:
    return (turn["question"] for turn in turns)


def _human_turns(conversation: list[dict[str, str]]) -> Iterator[str]:
    return (turn["value"].replace("<image>", "") for turn in conversation if turn["from"] == "human")


def _words(text: str) -> int:
    return len(words(text))


_SEEDS = Look("seed", "words a seed", _words, _whole, "seeds")
_CAPTIONS = Look("caption", "words a caption", _words, _whole, "captions")

LOOKS: Mapping[str, Look] = {
    "seed_sources": _SEEDS,
    "caption_seeds": _SEEDS,
    "expanded_captions": _CAPTIONS,
    "curated_captions": _CAPTIONS,
    "instruction_dialogs": Look("turns", "questions a dialog", len, _questions, "questions"),
    "text_embeddings": Look("tokens", "tokens a caption", int),
    "pretrain_dataset": _CAPTIONS,
    "instruction_dataset": Look(
        "conversations", "questions a conversation", lambda said: len(said) // 2, _human_turns, "questions"
    ),
}
"""What is measured, by stage; of the others nothing is, since their rows are vectors or ids alone."""


@dataclass(frozen=True)
class Lengths:
    """How long rows are.

    Args:
        unit: what is counted.
        rows: rows that were looked at.
        mean: their mean length.
        bins: their lengths, counted.
    """

    unit: str
    rows: int
    mean: float
    bins: list[Bin]


@dataclass(frozen=True)
class Portrait:
    """What a shard looks like.

    Args:
        rows: its first rows.
        vectors: their vectors; None where the stage has none.
        lengths: how long its rows are; None where that means nothing.
        texts: what the texts are that `diversity` is taken of.
        diversity: how varied they are; None where there are none.
    """

    rows: list[dict[str, Any]]
    vectors: Halves | None = None
    lengths: Lengths | None = None
    texts: str = ""
    diversity: Diversity | None = None


def portrait(lake: Lake, sidecar: Sidecar) -> Portrait:
    """The portrait of a shard that stands; empty where it has no rows of its own.

    Raises:
        LakeError: its file is missing or damaged.
    """
    if "rows" not in sidecar.files:
        return Portrait([])
    path = lake.rows(sidecar.stage, sidecar.shard)
    rows, vectors = first_rows(path, SAMPLE_ROWS), None
    if "vectors" in sidecar.files:
        _, vectors = next(iter_vectors(lake.vectors(sidecar.stage, sidecar.shard), SAMPLE_ROWS), ([], None))
    look = LOOKS.get(sidecar.stage)
    if look is None or not rows:
        return Portrait(rows, vectors)
    values = [row[look.column] for row in first_rows(path, LOOKED_AT, [look.column])]
    counted = [look.length(value) for value in values]
    lengths = Lengths(look.unit, len(counted), fmean(counted), histogram(counted))
    varied = None
    if look.texts is not None:
        varied = diversity(islice((text for value in values for text in look.texts(value)), LOOKED_AT))
    return Portrait(rows, vectors, lengths, look.what, varied)
