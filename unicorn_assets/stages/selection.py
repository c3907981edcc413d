"""`selection`: which candidates do not go out, for reasons that only the whole corpus shows. `release` applies it.

A row is a decision: one candidate of one table that stays behind, and why. Shards are left as they are, so what comes
later makes none of them stale, and what is withdrawn gives back what it kept out.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unicorn_assets.curation import decisions
from unicorn_assets.curation.decisions import Leaving
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.shards import BATCH_ROWS, parquet_writer
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.tables import SOURCES
from unicorn_assets.stages import checks, contamination, corpus, deduplication, duplicates, emptied, mixing
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.candidates import Corpus, read_corpus
from unicorn_assets.stages.tools import Tools


@dataclass(frozen=True)
class Rule:
    """What keeps candidates out.

    Args:
        stage: the stage below the shards whose rows it goes by, as the recipe wants it; None where it does not.
        decide: the decisions that follow from that stage's rows, as a table of `decisions.SCHEMA`; told what leaves by
            the rules before, so that nothing is kept out for what does not go out itself.
    """

    stage: Callable[[Recipe], Stage | None]
    decide: Callable[[Work, Leaving], pa.Table]


RULES: tuple[Rule, ...] = (
    Rule(contamination.contamination, contamination.decide),
    Rule(duplicates.near_duplicates, deduplication.decide),
)
"""All rules; of two that keep a row out the first gives the reason. A rule's stage stands after those before it."""


def deciders(recipe: Recipe) -> Mapping[str, Stage]:
    """The stages below the shards that the selection of this recipe goes by, in the order of their rules."""
    found = (rule.stage(recipe) for rule in RULES)
    return {stage.name: stage for stage in found if stage is not None}


def selection(recipe: Recipe) -> Stage:
    """The stage as the recipe wants it: below the stages that it goes by."""
    return replace(SELECTION, inputs=(*corpus.DATASETS, *deciders(recipe)))


def below(recipe: Recipe) -> Mapping[str, Stage]:
    """The stages between the shards and the release, each after those that it is made from."""
    return {**deciders(recipe), SELECTION.name: selection(recipe)}


def _fields(tools: Tools) -> dict[str, Any]:
    fields = corpus.corpus_fields(tools) | deduplication.fields(tools.recipe)
    if tools.recipe.mix.wanted:
        fields["mix"] = tools.recipe.mix.model_dump(mode="json")
    return fields


def _select(work: Work, drafts: Drafts) -> Made:
    with corpus.seen(work.tools):
        corpus.refuse_stale(work, deciders(work.recipe))
        _, fresh = corpus.coverage(work.tools)
    wanted = work.recipe.mix
    found = decisions.merged([])
    for rule in RULES:
        if rule.stage(work.recipe) is not None:
            found = decisions.merged([found, rule.decide(work, Leaving.of(found))])
    there = read_corpus(work, list(fresh), count_words=any(one.words is not None for one in wanted.wanted))
    decided = _of_candidates(found, there)
    metrics: dict[str, Any] = {}
    if wanted.wanted:
        mixed = mixing.meet(wanted, there, _stay(decided, there))
        decided = decisions.merged([decided, mixed.decided])
        mixing.write_requests(drafts.add("requests"), mixed.requests)
        metrics = {"mix": mixed.parts, "mix_met": mixed.met}
    _write(work, drafts, decided)
    stay = _stay(decided, there)
    return Made(
        rows_in=sum(len(one.ids) for one in there.tables.values()),
        rows_out=sum(int(mask.sum()) for mask in stay.values()),
        not_selected=Counter(decided["reason"].to_pylist()),
        metrics={
            "tables": {table: _told(decided, table, len(stay[table])) for table in SOURCES},
            **emptied.told(work, list(fresh), there, stay, decided),
            **metrics,
        },
    )


def _stay(decided: pa.Table, there: Corpus) -> dict[str, NDArray[np.bool_]]:
    leaving = Leaving.of(decided)
    return {table: leaving.stays(table, one.ids) for table, one in there.tables.items()}


def _of_candidates(decided: pa.Table, there: Corpus) -> pa.Table:
    """The decisions that concern a candidate: a rule may look at more than what became one."""
    parts = []
    for table, one in there.tables.items():
        mine = decided.filter(pc.equal(decided["table"], table))
        parts.append(mine.filter(pa.array(one.has(decisions.ids_of(mine["id"])))))
    return decisions.merged(parts)


def _told(decided: pa.Table, table: str, rows: int) -> dict[str, Any]:
    reasons = Counter(decided.filter(pc.equal(decided["table"], table))["reason"].to_pylist())
    return {"candidates": rows, "selected": rows - reasons.total(), "left": dict(sorted(reasons.items()))}


def _write(work: Work, drafts: Drafts, decided: pa.Table) -> None:
    fingerprint = pa.array([work.fingerprint] * len(decided), pa.string())
    with parquet_writer(drafts.add("rows"), SELECTION.written) as writer:
        writer.write_table(decided.append_column("fingerprint", fingerprint), row_group_size=BATCH_ROWS)


def _mix_met(finished: Finished) -> Finding:
    parts: dict[str, Any] = finished.made.metrics.get("mix", {})
    lacking = {name: told["missing"] for name, told in parts.items() if told["missing"]}
    return Finding(bool(finished.made.metrics.get("mix_met", True)), {"parts": len(parts), "missing": lacking})


def _topics_kept(finished: Finished) -> Finding:
    metrics = finished.made.metrics
    return Finding(
        not metrics["topics_emptied"], {name: metrics[name] for name in ("topics", "topics_emptied", "emptied")}
    )


SELECTION = Stage(
    name="selection",
    version=1,
    inputs=(*corpus.DATASETS, duplicates.NEAR_DUPLICATES.name),
    fields=_fields,
    body=_select,
    schema=decisions.SCHEMA,
    checks=(
        checks.ROWS_CONSERVED,
        checks.SCHEMA,
        checks.ONCE_A_TABLE,
        CheckSpec(
            "mix_met",
            "Every part of the recipe's mix has its share; what is missing stands in the file of requests.",
            _mix_met,
            blocking=False,
            severity="WARN",
        ),
        CheckSpec(
            "topics_kept",
            "Every topic that has seeds has a sample that goes out; rare ones are the first that filters empty.",
            _topics_kept,
            blocking=False,
            severity="WARN",
        ),
    ),
    sharded=False,
)
"""As for a recipe that leaves its choices as they are; see `selection`."""
