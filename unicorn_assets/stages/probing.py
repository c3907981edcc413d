"""`round_trip` and `blind_answers`: a sample of dialogs answered by a model, with their caption and without it.

Both exist where a recipe asks for them. One turn of each drawn dialog is asked, since turns of one dialog tell much of
the same, and an interval wants them independent. Dialogs and draws follow from ids alone. No dialog leaves for what is
found here: it speaks of the shard, of its writer, and by its rows of single turns.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicorn_assets.curation.comparison import COMPARISON_VERSION, compare
from unicorn_assets.curation.probes import Probed, Tallies
from unicorn_assets.curation.questions import question_type
from unicorn_assets.engines.base import Request
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import checks
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.probe_turns import (
    BLIND,
    SEEING,
    Probe,
    Turn,
    chosen_turn,
    dialogs,
    drawn,
    probe_request,
    probed_turns,
)
from unicorn_assets.stages.prober import ANOTHER_MODEL_ANSWERS, answers_readable, prober_fields, warning
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import probing


def dialog_probes(recipe: Recipe) -> Mapping[str, Stage]:
    """The stages that the recipe asks for, by name."""
    chosen = {ROUND_TRIP: recipe.probing.round_trip, BLIND_ANSWERS: recipe.probing.blind_answers}
    return {stage.name: stage for stage, wanted in chosen.items() if wanted}


def _fields(probe: Probe) -> Callable[[Tools], dict[str, Any]]:
    def fields(tools: Tools) -> dict[str, Any]:
        return {
            **prober_fields(tools),
            "prompts": {probe.task: probing.TEMPLATES[probe.task].version},
            "comparison": COMPARISON_VERSION,
            **({"min_overlap": tools.recipe.probing.min_overlap} if "open" in probe.forms else {}),
        }

    return fields


def _body(probe: Probe) -> Callable[[Work, Drafts], Made]:
    def body(work: Work, drafts: Drafts) -> Made:
        return _probe(probe, work, drafts)

    return body


def _probe(probe: Probe, work: Work, drafts: Drafts) -> Made:
    recipe, rows_in = work.recipe, work.inputs["instruction_dialogs"].rows_out

    def turns() -> Iterator[Turn]:
        return probed_turns(work.lake, work.shard, recipe, probe)

    def requests() -> Iterator[Request]:
        return (probe_request(turn, probe.task, recipe) for turn in turns())

    out = ShardWriter(drafts, _SCHEMA, work.fingerprint)
    for dialog, caption in dialogs(work.lake, work.shard, probe):
        if not drawn(dialog["id"], recipe, probe.task):
            out.skip(dialog["id"], "not_drawn", f"the recipe draws {recipe.probing.share:.1%} of the dialogs")
        elif chosen_turn(dialog, probe, caption) is None:
            out.skip(dialog["id"], *probe.skipped)
    asked, engine = Asked(), work.tools.prober
    answered = answers(
        work.tools,
        work.stage,
        work.shard,
        requests,
        asked=asked,
        total=rows_in - sum(out.not_selected.values()),
        progress=work.progress,
        engine=engine,
    )
    seen = list[Probed]()
    for turn, (_, answer) in zip(turns(), answered, strict=True):
        said = probing.parse(answer.text, answer.finish_reason)
        verdict = compare(turn.question, turn.expected, turn.options, said, recipe.probing.min_overlap)
        seen.append(Probed(turn.form, turn.expected, len(turn.options), verdict))
        out.row(
            id=turn.id,
            task=turn.task,
            turn=turn.place,
            form=turn.form,
            question_type=question_type(turn.question),
            question=turn.question,
            options=list(turn.options),
            expected=turn.expected,
            answered=said,
            verdict=verdict,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
    out.finish()
    metrics = asked.metrics(work.tools.settings.prices, out.rows_out) | Tallies.of(seen, probe.forms).figures()
    return Made(rows_in, out.rows_out, out.rejected, out.not_selected, metrics=metrics)


def _figures(probe: Probe) -> Callable[[Mapping[str, Path]], dict[str, Any]]:
    def figures(paths: Mapping[str, Path]) -> dict[str, Any]:
        rows = read_rows(paths["rows"], ["form", "expected", "options", "verdict"])
        found = (Probed(row["form"], row["expected"], len(row["options"]), row["verdict"]) for row in rows)
        return Tallies.of(found, probe.forms).figures()

    return figures


def corpus_probes(recipe: Recipe, lake: Lake, shards: Sequence[str]) -> dict[str, Any]:
    """What the probes of these shards found together, as `round_trip_choice`; nothing of what the recipe does not ask.

    Raises:
        LakeError: a sidecar is damaged.
    """
    found: dict[str, Any] = {}
    for name in dialog_probes(recipe):
        made = [one for shard in shards if (one := lake.sidecar(name, shard)) is not None]
        told = Tallies.restored(one.metrics for one in made).figures()
        found |= {f"{name}_{form}": figures for form, figures in told.items() if figures["asked"]}
    return found


def _told(finished: Finished) -> Tallies:
    return Tallies.restored([finished.made.metrics])


def _consistent(finished: Finished) -> Finding:
    found, least = _told(finished), finished.work.recipe.probing.min_consistent
    whole = found.whole
    figures = {"agrees": whole.agrees, "readable": whole.readable, "min_consistent": least}
    return Finding(not found.inconsistent(least), figures)


def _not_guessable(finished: Finished) -> Finding:
    margin = finished.work.recipe.probing.max_above_chance
    above = _told(finished).guessable(margin)
    figures = {f"{form}_above_chance_at_least": round(found, 4) for form, found in above.items()}
    return Finding(not above, {**figures, "max_above_chance": margin})


def _unreadable(finished: Finished) -> tuple[int, int]:
    whole = _told(finished).whole
    return whole.unreadable, whole.asked


_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("task", pa.string()),
        pa.field("turn", pa.int32()),
        *(pa.field(name, pa.string()) for name in ("form", "question_type", "question")),
        pa.field("options", pa.list_(pa.string())),
        *(pa.field(name, pa.string()) for name in ("expected", "answered", "verdict")),
        pa.field("prompt_tokens", pa.int32()),
        pa.field("completion_tokens", pa.int32()),
    ]
)


def _stage(probe: Probe, inputs: tuple[str, ...], check: CheckSpec) -> Stage:
    return Stage(
        name=probe.task,
        version=1,
        inputs=inputs,
        fields=_fields(probe),
        body=_body(probe),
        schema=_SCHEMA,
        checks=(*checks.ROWS, check, answers_readable(_unreadable), ANOTHER_MODEL_ANSWERS),
        lane="gpu",
        timeout_seconds=7200.0,  # as for dialogs
        figures=_figures(probe),
    )


ROUND_TRIP = _stage(
    SEEING,
    ("instruction_dialogs", "curated_captions"),
    warning(
        "consistent",
        "No smaller share of the answers from the caption than the recipe's `min_consistent` agrees with the dialogs.",
        _consistent,
    ),
)
BLIND_ANSWERS = _stage(
    BLIND,
    ("instruction_dialogs",),
    warning(
        "not_guessable",
        "Without the caption, answers are right no oftener than by guessing and the recipe's `max_above_chance`.",
        _not_guessable,
    ),
)
