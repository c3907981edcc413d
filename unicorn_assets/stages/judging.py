"""`judged_captions`: a sample of the curated captions graded by a model, beside the quality that rules give them.

It exists where a recipe asks for it. A grade changes nothing of what is kept: it says how good a shard is in the eyes
of another model, and by its rank correlation whether the quality score means the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicorn_assets.curation import grades
from unicorn_assets.engines.base import Request
from unicorn_assets.identity import draw
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import checks
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.base import Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.prober import ANOTHER_MODEL_ANSWERS, answers_readable, prober_fields, warning
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import grading

GRADES = "grades"
"""The metric that holds what was found."""


def judged(recipe: Recipe) -> Mapping[str, Stage]:
    """The stage where the recipe asks for it, by its name."""
    return {JUDGED_CAPTIONS.name: JUDGED_CAPTIONS} if recipe.probing.judge else {}


def is_graded(sample: str, recipe: Recipe) -> bool:
    """Whether a caption is graded; depends on its id and the recipe's share alone."""
    return draw(sample, grading.TASK) < recipe.probing.share


def grade_request(sample: str, seed: str, caption: str, recipe: Recipe) -> Request:
    """The request that has a caption graded; a forecast asks the very same."""
    return grading.request(sample, seed, caption, recipe.probing.sampling)


def _fields(tools: Tools) -> dict[str, Any]:
    return {**prober_fields(tools), "prompts": {grading.TASK: grading.TEMPLATE.version}}


def _judge(work: Work, drafts: Drafts) -> Made:
    recipe, rows_in = work.recipe, work.inputs["curated_captions"].rows_out

    def captions() -> Iterator[dict[str, Any]]:
        rows = work.rows("curated_captions", ["id", "seed", "caption", "quality"])
        return (row for row in rows if is_graded(row["id"], recipe))

    def requests() -> Iterator[Request]:
        return (grade_request(row["id"], row["seed"], row["caption"], recipe) for row in captions())

    out = ShardWriter(drafts, JUDGED_CAPTIONS.columns, work.fingerprint)
    for row in work.rows("curated_captions", ["id"]):
        if not is_graded(row["id"], recipe):
            out.skip(row["id"], "not_drawn", f"the recipe draws {recipe.probing.share:.1%} of the captions")
    asked = Asked()
    answered = answers(
        work.tools,
        work.stage,
        work.shard,
        requests,
        asked=asked,
        total=rows_in - sum(out.not_selected.values()),
        progress=work.progress,
        engine=work.tools.prober,
    )
    seen: list[tuple[Mapping[str, float] | None, float]] = []
    for row, (_, answer) in zip(captions(), answered, strict=True):
        found = grading.parse(answer.text, answer.finish_reason)
        grade = sum(found.values()) / len(found) if found else None
        seen.append((None if found is None or grade is None else {**found, "grade": grade}, row["quality"]))
        out.row(
            id=row["id"],
            **(found or dict.fromkeys(grading.CRITERIA)),
            grade=grade,
            quality=row["quality"],
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
    out.finish()
    metrics = asked.metrics(work.tools.settings.prices, out.rows_out) | _told(seen)
    return Made(rows_in, out.rows_out, out.rejected, out.not_selected, metrics=metrics)


def _told(seen: Sequence[tuple[Mapping[str, float] | None, float]]) -> dict[str, Any]:
    return {GRADES: grades.figures([found for found, _ in seen], [quality for _, quality in seen])}


def _figures(paths: Mapping[str, Path]) -> dict[str, Any]:
    names = (*grading.CRITERIA, "grade")
    rows = read_rows(paths["rows"], [*names, "quality"])
    return _told(
        [(None if row["grade"] is None else {name: row[name] for name in names}, row["quality"]) for row in rows]
    )


def corpus_grades(recipe: Recipe, lake: Lake, shards: Sequence[str]) -> dict[str, Any]:
    """What the graded captions of these shards say together; nothing where the recipe does not ask for it.

    Raises:
        LakeError: a sidecar is damaged.
    """
    made = [one for name in judged(recipe) for shard in shards if (one := lake.sidecar(name, shard)) is not None]
    return {JUDGED_CAPTIONS.name: grades.merged(one.metrics[GRADES] for one in made)} if made else {}


def _good(finished: Finished) -> Finding:
    told, least = finished.made.metrics[GRADES], finished.work.recipe.probing.min_grade
    shown = {name: told[name] for name in ("grade", "asked", "unreadable") if name in told}
    return Finding(not grades.below(told, least), {**shown, "min_grade": least})


def _unreadable(finished: Finished) -> tuple[int, int]:
    told = finished.made.metrics[GRADES]
    return told["unreadable"], told["asked"]


JUDGED_CAPTIONS = Stage(
    name=grading.TASK,
    version=1,
    inputs=("curated_captions",),
    fields=_fields,
    body=_judge,
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            *(pa.field(name, pa.int32()) for name in grading.CRITERIA),
            pa.field("grade", pa.float64()),
            pa.field("quality", pa.float32()),
            pa.field("prompt_tokens", pa.int32()),
            pa.field("completion_tokens", pa.int32()),
        ]
    ),
    checks=(
        *checks.ROWS,
        warning("grades_high", "The mean grade of the sample is at least the recipe's `min_grade`.", _good),
        answers_readable(_unreadable),
        ANOTHER_MODEL_ANSWERS,
    ),
    lane="gpu",
    timeout_seconds=7200.0,  # as for captions
    figures=_figures,
)
