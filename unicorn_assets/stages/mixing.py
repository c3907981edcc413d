"""The recipe's mix at work: which candidates belong to which part, which are left out for it, and what is missing."""

import csv
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.curation import decisions, mix
from unicorn_assets.identity import draw
from unicorn_assets.lake.views import REQUESTED
from unicorn_assets.mix import Mix, Wanted, exact
from unicorn_assets.stages.candidates import NO_TOPIC, TASKS, Candidates, Corpus, topic_name

REASON = "mix"
REST = "all else"
REQUEST = tuple(REQUESTED)
"""Columns of the file of what is missing: the part, the samples that it lacks, and about how many seeds of its topic
would give them, at the rate of those that there are; empty where these have given none."""


@dataclass(frozen=True)
class Mixed:
    """What the mix asks for and gets.

    Args:
        decided: the candidates that are left out, as a table of `decisions.SCHEMA`.
        parts: of each part the wanted share, its candidates and their share, what is taken and its share, what is
            missing.
        requests: rows of REQUEST.
        met: whether every part has its share, up to rounding.
    """

    decided: pa.Table
    parts: dict[str, dict[str, float]]
    requests: list[dict[str, Any]]
    met: bool


def meet(wanted: Mix, corpus: Corpus, stay: dict[str, NDArray[np.bool_]]) -> Mixed:
    """Meets a mix from the candidates that stay after all other rules.

    Args:
        wanted: the mix, with at least one part.
        corpus: all candidates.
        stay: (rows,) of each table, whether each of its candidates is still there.
    """
    shares = [exact(one.share) for one in wanted.wanted] + ([wanted.rest] if wanted.rest else [])
    names = [one.label for one in wanted.wanted] + ([REST] if wanted.rest else [])
    ids = {table: one.ids[stay[table]] for table, one in corpus.tables.items()}
    parts = {table: _parts(wanted, corpus, one)[stay[table]] for table, one in corpus.tables.items()}
    together = np.concatenate([parts[table] for table in ids])
    supply = [int((together == place).sum()) for place in range(len(shares))]
    found = mix.plan(shares, supply, wanted.total)
    draws = [draw(sample, f"mix:{table}") for table, mine in ids.items() for sample in mine.astype(str)]
    taken = mix.chosen(together, np.asarray(draws), found.quotas)
    left, first = [], 0
    for table, mine in ids.items():
        out = ~taken[first : first + len(mine)]
        left.append(_decided(table, mine[out], parts[table][out], names))
        first += len(mine)
    figures = {
        name: _figures(shares[place], supply[place], found.quotas[place], found.missing[place], len(together), found)
        for place, name in enumerate(names)
    }
    requests = [
        _request(one, corpus, supply[place], found.missing[place])
        for place, one in enumerate(wanted.wanted)
        if found.missing[place]
    ]
    return Mixed(pa.concat_tables(left), figures, requests, found.met)


def write_requests(path: Path, requests: list[dict[str, Any]]) -> None:
    """Writes what is missing as CSV, for whoever looks for seeds."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, REQUEST, lineterminator="\n")
        writer.writeheader()
        writer.writerows(requests)


def _parts(wanted: Mix, corpus: Corpus, candidates: Candidates) -> NDArray[np.int32]:
    """(rows,) the first part that each candidate fits; what fits none is the rest where that has a share, else -1."""
    found = np.full(len(candidates.ids), len(wanted.wanted) if wanted.rest else -1, np.int32)
    for place, one in reversed(list(enumerate(wanted.wanted))):
        found[_fits(one, corpus, candidates)] = place
    return found


def _fits(one: Wanted, corpus: Corpus, candidates: Candidates) -> NDArray[np.bool_]:
    fits = np.ones(len(candidates.ids), bool)
    if one.topic is not None:
        name = topic_name(one.topic)
        fits &= candidates.topics == (corpus.topics.index(name) if name in corpus.topics else NO_TOPIC - 1)
    if one.task is not None:
        fits &= candidates.tasks == TASKS.index(one.task)
    if one.band is not None:
        least, most = one.band
        fits &= candidates.words >= least
        fits &= candidates.words <= (most if most is not None else np.iinfo(np.int32).max)
    return fits


def _decided(table: str, ids: decisions.Ids, parts: NDArray[np.int32], names: list[str]) -> pa.Table:
    told = [*(f"beyond the share of: {name}" for name in names), "no part of the mix"]  # -1 is the last
    columns: list[Any] = [
        pa.array(ids.astype(str), pa.string()),
        *([value] * len(ids) for value in (table, REASON)),
        [told[part] for part in parts.tolist()],
        [""] * len(ids),
    ]
    return pa.table(columns, schema=decisions.SCHEMA)


def _figures(
    share: Fraction, there: int, taken: int, missing: int, candidates: int, found: mix.Plan
) -> dict[str, float]:
    size = sum(found.quotas)
    return {
        "wanted": round(float(share), 6),
        "before": round(there / candidates, 6) if candidates else 0.0,
        "after": round(taken / size, 6) if size else 0.0,
        "candidates": there,
        "selected": taken,
        "missing": missing,
    }


def _request(one: Wanted, corpus: Corpus, there: int, missing: int) -> dict[str, Any]:
    seeds = (
        corpus.all_seeds
        if one.topic is None
        else dict(zip(corpus.topics, corpus.seeds, strict=True)).get(topic_name(one.topic), 0)
    )
    needed = ceil(missing * seeds / there) if there else None
    return {"topic": one.topic, "task": one.task, "words": one.words, "rows": missing, "seeds": needed}
