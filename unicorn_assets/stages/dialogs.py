"""Stage 2: `instruction_dialogs` turns a share of the captions into multi-turn conversations of three tasks."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa

from unicorn_assets.engines import model_of
from unicorn_assets.engines.base import DialogTask, Request
from unicorn_assets.identity import draw
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.recipe import Dialogs
from unicorn_assets.stages import checks
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import prompts
from unicorn_assets.synthesis.answers import PARSER_VERSION, InvalidAnswer, parse_dialog

TASKS: tuple[DialogTask, ...] = get_args(DialogTask)

TURNS = pa.list_(
    pa.struct(
        [
            pa.field("question", pa.string()),
            pa.field("answer", pa.string()),
            pa.field("options", pa.list_(pa.string())),
        ]
    )
)


def task_of(sample: str, dialogs: Dialogs) -> DialogTask | None:
    """The task drawn for a caption, None if it gets no dialog. Depends on the sample's id and the shares alone."""
    if draw(sample, "dialog") >= dialogs.share:
        return None
    weights = [getattr(dialogs, task) for task in TASKS]
    point = draw(sample, "dialog task") * sum(weights)
    for task, weight in zip(TASKS, weights, strict=True):
        if point < weight:
            return task
        point -= weight
    return next(task for task, weight in zip(TASKS, weights, strict=True) if weight > 0)


def _fields(tools: Tools) -> dict[str, Any]:
    dialogs, model = tools.recipe.dialogs, model_of(tools.recipe.engine)
    return {
        "dialogs": dialogs.model_dump(),
        "engine": {"kind": model.engine, "model": model.name, "revision": model.revision},
        "prompts": {task: prompts.TEMPLATES[task].version for task in TASKS},
        "parser": PARSER_VERSION,
    }


def _converse(work: Work, drafts: Drafts) -> Made:
    dialogs = work.recipe.dialogs

    def requests() -> Iterator[Request]:
        for row in work.rows("curated_captions", ["id", "seed", "caption"]):
            task = task_of(row["id"], dialogs)
            if task is not None:
                source = {"seed": row["seed"], "caption": row["caption"]}
                yield prompts.request(task, row["id"], source, dialogs.sampling)

    out = ShardWriter(drafts, INSTRUCTION_DIALOGS.columns, work.fingerprint)
    for row in work.rows("curated_captions", ["id"]):
        if task_of(row["id"], dialogs) is None:
            out.skip(row["id"], "not_drawn", f"the recipe draws {dialogs.share:.1%} of the captions")
    rows_in = work.inputs["curated_captions"].rows_out
    total = rows_in - sum(out.not_selected.values())
    asked = Asked()
    for request, answer in answers(
        work.tools, work.stage, work.shard, requests, asked=asked, total=total, progress=work.progress
    ):
        task = next(task for task in TASKS if task == request.task)
        try:
            dialog = parse_dialog(task, answer.text, request.id, answer.finish_reason)
        except InvalidAnswer as invalid:
            out.reject(request.id, invalid.reason, invalid.detail, answer.text)
            continue
        out.row(
            id=request.id,
            task=task,
            turns=[{"question": t.question, "answer": t.answer, "options": list(t.options)} for t in dialog.turns],
            repaired=dialog.repaired,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
    out.finish()
    metrics = asked.metrics(work.tools.settings.prices, out.rows_out) | _figures(drafts.paths["rows"])
    return Made(rows_in, out.rows_out, out.rejected, out.not_selected, metrics=metrics)


def _figures(rows: Path) -> dict[str, Any]:
    tasks, repaired = Counter[str](), 0
    for row in read_rows(rows, ["task", "repaired"]):
        tasks[row["task"]] += 1
        repaired += row["repaired"]
    return {"tasks": dict(sorted(tasks.items())), "repaired": repaired}


INSTRUCTION_DIALOGS = Stage(
    name="instruction_dialogs",
    version=1,
    inputs=("curated_captions",),
    fields=_fields,
    body=_converse,
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("task", pa.string()),
            pa.field("turns", TURNS),
            pa.field("repaired", pa.bool_()),
            pa.field("prompt_tokens", pa.int32()),
            pa.field("completion_tokens", pa.int32()),
        ]
    ),
    checks=(*checks.ROWS, checks.CAPTIONS_PRESENT),
    lane="gpu",
    timeout_seconds=7200.0,  # a server may take half an hour to start, and be down for a while
    figures=_figures,
)
