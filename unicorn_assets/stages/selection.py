"""`selection`: which candidates do not go out, for reasons that only the whole corpus shows. `release` applies it.

A row is a decision: one candidate of one table that stays behind, and why. Shards are left as they are, so what comes
later makes none of them stale, and what is withdrawn gives back what it kept out.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from unicorn_assets.curation import decisions
from unicorn_assets.curation.decisions import Leaving
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.shards import BATCH_ROWS, parquet_writer, read_rows
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.tables import SOURCES
from unicorn_assets.stages import checks, corpus, duplicates
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.candidates import Candidates, read_candidates
from unicorn_assets.stages.tools import Tools


@dataclass(frozen=True)
class Rule:
    """What keeps candidates out.

    Args:
        stage: the stage below the shards whose rows it goes by, as the recipe wants it; None where it does not.
        decide: the decisions that follow from that stage's rows, as a table of `decisions.SCHEMA`.
        fields: what decides these decisions beside the stage's rows.
    """

    stage: Callable[[Recipe], Stage | None]
    decide: Callable[[Work], pa.Table]
    fields: Callable[[Recipe], dict[str, Any]] = lambda recipe: {}


RULES: tuple[Rule, ...] = (
    Rule(
        duplicates.near_duplicates,
        duplicates.decided,
        lambda recipe: {"lost_questions": recipe.duplicates.lost_questions},
    ),
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
    fields = corpus.corpus_fields(tools)
    for rule in RULES:
        if (stage := rule.stage(tools.recipe)) is not None and (decided := rule.fields(tools.recipe)):
            fields[stage.name] = decided
    return fields


def _select(work: Work, drafts: Drafts) -> Made:
    with corpus.seen(work.tools):
        corpus.refuse_stale(work, deciders(work.recipe))
        _, fresh = corpus.coverage(work.tools)
    found = [rule.decide(work) for rule in RULES if rule.stage(work.recipe) is not None]
    candidates = {table: read_candidates(work, table, list(fresh)) for table in SOURCES}
    decided = _of_candidates(decisions.merged(found), candidates)
    _write(work, drafts, decided)
    leaving = Leaving.of(decided)
    stay = {table: leaving.stays(table, one.ids) for table, one in candidates.items()}
    return Made(
        rows_in=sum(len(one.ids) for one in candidates.values()),
        rows_out=sum(int(mask.sum()) for mask in stay.values()),
        not_selected=Counter(decided["reason"].to_pylist()),
        metrics={"tables": {table: _told(decided, table, len(stay[table])) for table in SOURCES}},
    )


def _of_candidates(decided: pa.Table, candidates: Mapping[str, Candidates]) -> pa.Table:
    """The decisions that concern a candidate: a rule may look at more than what became one."""
    parts = []
    for table, one in candidates.items():
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


def _decided_once(finished: Finished) -> Finding:
    before, rows = ("", ""), 0
    for row in read_rows(finished.drafts.paths["rows"], ["id", "table"]):
        if (row["id"], row["table"]) <= before:
            return Finding(False, {"id": row["id"], "table": row["table"], "row": rows})
        before, rows = (row["id"], row["table"]), rows + 1
    left = sum(finished.made.not_selected.values())
    return Finding(rows == left, {"decisions": rows, "not_selected": left})


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
        CheckSpec("decided_once", "Decisions are sorted by id and table, and no row is decided twice.", _decided_once),
    ),
    sharded=False,
)
"""As for a recipe that leaves its choices as they are; see `selection`."""
