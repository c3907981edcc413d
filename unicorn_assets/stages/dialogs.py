"""Stage 2: `instruction_dialogs` turns a share of the captions into multi-turn conversations of three tasks."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa

from unicorn_assets.curation import dialogs as rules
from unicorn_assets.curation.collapse import entropy
from unicorn_assets.curation.questions import question_type
from unicorn_assets.engines import model_of
from unicorn_assets.engines.base import DialogTask, Request
from unicorn_assets.identity import draw
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.recipe import Dialogs
from unicorn_assets.stages import checks, meters
from unicorn_assets.stages.accounting import Wasted
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import prompts
from unicorn_assets.synthesis.answers import PARSER_VERSION, InvalidAnswer, Turn, parse_dialog

TASKS: tuple[DialogTask, ...] = get_args(DialogTask)

DROPPED = pa.list_(
    pa.struct([pa.field("question", pa.string()), pa.field("reason", pa.string()), pa.field("detail", pa.string())])
)

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


def dialog_request(sample: str, seed: str, caption: str, tools: Tools) -> Request | None:
    """The request for a caption's dialog, None if it gets none; a forecast asks the very same."""
    dialogs = tools.recipe.dialogs
    task = task_of(sample, dialogs)
    if task is None:
        return None
    return prompts.request(task, sample, {"seed": seed, "caption": caption}, dialogs.sampling)


def _fields(tools: Tools) -> dict[str, Any]:
    dialogs, model = tools.recipe.dialogs, model_of(tools.recipe.engine)
    return {
        "dialogs": dialogs.model_dump(),
        "engine": {"kind": model.engine, "model": model.name, "revision": model.revision},
        "prompts": {task: prompts.TEMPLATES[task].version for task in TASKS},
        "parser": PARSER_VERSION,
        "rules": rules.DIALOG_RULES_VERSION,
        **({} if tools.inference is None else {"inference": tools.inference.identity()}),
    }


def _converse(work: Work, drafts: Drafts) -> Made:
    dialogs = work.recipe.dialogs

    def requests() -> Iterator[Request]:
        for row in work.rows("curated_captions", ["id", "seed", "caption"]):
            request = dialog_request(row["id"], row["seed"], row["caption"], work.tools)
            if request is not None:
                yield request

    out = ShardWriter(drafts, INSTRUCTION_DIALOGS.columns, work.fingerprint)
    for row in work.rows("curated_captions", ["id"]):
        if task_of(row["id"], dialogs) is None:
            out.skip(row["id"], "not_drawn", f"the recipe draws {dialogs.share:.1%} of the captions")
    rows_in = work.inputs["curated_captions"].rows_out
    total = rows_in - sum(out.not_selected.values())
    asked, wasted, seen = Asked(), Wasted(), _Seen()
    for request, answer in answers(
        work.tools, work.stage, work.shard, requests, asked=asked, total=total, progress=work.progress
    ):
        task = next(task for task in TASKS if task == request.task)
        try:
            dialog = parse_dialog(task, answer.text, request.id, answer.finish_reason)
        except InvalidAnswer as invalid:
            out.reject(request.id, invalid.reason, invalid.detail, answer.text)
            wasted.add(request, invalid.reason, answer)
            continue
        verdict = rules.judge(task, dialog.turns, request.source["caption"], dialogs.rules, work.tools.inference)
        seen.dropped.update(fault.reason.code for fault in verdict.faults)
        if not verdict.kept:
            reason = rules.set_aside_reason(verdict, len(dialog.turns))
            out.reject(request.id, reason.code, reason.detail, answer.text)
            wasted.add(request, reason.code, answer)
            continue
        kept = [dialog.turns[place] for place in verdict.kept]
        seen.keep(task, kept, dialog.repaired)
        out.row(
            id=request.id,
            task=task,
            turns=[{"question": t.question, "answer": t.answer, "options": list(t.options)} for t in kept],
            dropped=[
                {
                    "question": dialog.turns[fault.place].question,
                    "reason": fault.reason.code,
                    "detail": fault.reason.detail,
                }
                for fault in verdict.faults
            ],
            repaired=dialog.repaired,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
    out.finish()
    metrics = asked.metrics(work.tools.settings.prices, out.rows_out)
    metrics |= seen.metrics() | wasted.metrics()
    return Made(rows_in, out.rows_out, out.rejected, out.not_selected, metrics=metrics)


@dataclass
class _Seen:
    """What the kept dialogs of a shard are like, and what was dropped from them."""

    tasks: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    questions: list[str] = field(default_factory=list)
    repaired: int = 0

    def keep(self, task: DialogTask, turns: Sequence[Turn], repaired: bool) -> None:
        self.tasks[task] += 1
        self.repaired += repaired
        for turn in turns:
            self.types[question_type(turn.question)] += 1
            if turn.options:
                self.letters[turn.answer] += 1
            if len(self.questions) < meters.METERED:
                self.questions.append(turn.question)

    def metrics(self) -> dict[str, Any]:
        return {
            "tasks": dict(sorted(self.tasks.items())),
            "repaired": self.repaired,
            "turns_dropped": dict(sorted(self.dropped.items())),
            "letters": dict(sorted(self.letters.items())),
            "question_types": dict(sorted(self.types.items())),
            "question_entropy": round(entropy(self.types), 4),
            meters.DIVERSITY: meters.text_meters(self.questions),
        }


UNEVEN = 16.27
"""Chi-squared that balanced letters pass once in a thousand shards (3 degrees of freedom)."""


def _letters_balanced(finished: Finished) -> Finding:
    letters = finished.made.metrics["letters"]
    found = rules.imbalance(letters)
    return Finding(found <= UNEVEN, {"chi_squared": round(found, 3), "limit": UNEVEN, **letters})


LETTERS_BALANCED = CheckSpec(
    "letters_balanced",
    "The right options of the shard's multiple-choice questions are spread over A to D as chance would.",
    _letters_balanced,
    blocking=False,
    severity="WARN",
)


def _figures(paths: Mapping[str, Path]) -> dict[str, Any]:
    seen = _Seen()
    for row in read_rows(paths["rows"], ["task", "turns", "repaired"]):
        turns = [Turn(one["question"], one["answer"], tuple(one["options"] or ())) for one in row["turns"]]
        seen.keep(row["task"], turns, row["repaired"])
    return {name: value for name, value in seen.metrics().items() if name != "turns_dropped"}


INSTRUCTION_DIALOGS = Stage(
    name="instruction_dialogs",
    version=2,
    inputs=("curated_captions",),
    fields=_fields,
    body=_converse,
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("task", pa.string()),
            pa.field("turns", TURNS),
            pa.field("dropped", DROPPED),
            pa.field("repaired", pa.bool_()),
            pa.field("prompt_tokens", pa.int32()),
            pa.field("completion_tokens", pa.int32()),
        ]
    ),
    checks=(*checks.ROWS, checks.CAPTIONS_PRESENT, LETTERS_BALANCED, *meters.CHECKS),
    lane="gpu",
    timeout_seconds=7200.0,  # a server may take half an hour to start, and be down for a while
    figures=_figures,
)
