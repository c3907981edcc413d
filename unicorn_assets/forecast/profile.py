"""The profile: a few hundred rows through the recipe's own engine, with the very requests that the run will make.

The answers go into the run's own stores, so the run finds them paid for. They are asked for together, over all shards,
so that as many requests are in flight as in a run.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from unicorn_assets.curation import dialogs as dialog_rules
from unicorn_assets.engines.base import Answer, Engine, Request
from unicorn_assets.forecast.pace import Pace, measured
from unicorn_assets.forecast.projection import Row
from unicorn_assets.forecast.remaining import CAPTIONS, DIALOGS, Seed, kept
from unicorn_assets.stages.asking import Asked, gathered
from unicorn_assets.stages.captions import expansion_request
from unicorn_assets.stages.dialogs import TASKS, dialog_request
from unicorn_assets.stages.judging import grade_request, is_graded, judged
from unicorn_assets.stages.probe_turns import PROBES, chosen_turn, drawn, probe_request
from unicorn_assets.stages.probing import dialog_probes
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis.answers import InvalidAnswer, parse_dialog

LEAST = 8
"""Answers that a pace can be measured from."""


@dataclass
class Profile:
    """What the profile found.

    Args:
        rows: what became of its rows.
        captions: the pace of Stage 1, None where next to nothing had to be asked.
        dialogs: the pace of Stage 2, likewise.
        asked: what it asked for and took.
        answers: every answer by its request's key, for the rehearsal.
        new_dialogs: ids of the rows whose dialogs were asked for.
        dialogs_kept: share of the dialogs that are kept, None where there are none.
        probes: tokens read and written for the probes of what is kept, by stage.
        paces: the pace of the probes, by stage, where it could be measured.
    """

    rows: list[Row] = field(default_factory=list)
    captions: Pace | None = None
    dialogs: Pace | None = None
    asked: Asked = field(default_factory=Asked)
    answers: dict[str, Answer] = field(default_factory=dict)
    new_dialogs: set[str] = field(default_factory=set)
    dialogs_kept: float | None = None
    probes: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    paces: dict[str, Pace | None] = field(default_factory=dict)


def profile(tools: Tools, sample: Sequence[Seed], progress: Callable[[str, int, int], None]) -> Profile:
    """Asks for captions, judges them as curation does, asks for the dialogs of those that are kept, and probes these.

    Args:
        tools: home, recipe, engine.
        sample: the rows.
        progress: told the stage, answers there, and rows in all.

    Raises:
        BudgetError: the settings' budget does not allow as many rows.
        EngineError: the engine cannot answer; finished answers are kept.
    """
    found = Profile()
    shards = {seed.id: seed.shard for seed in sample}
    requests = [expansion_request(seed.id, seed.text, tools) for seed in sample if not seed.caption]
    captions, found.captions, _ = _asked(tools, CAPTIONS, requests, shards, found, progress)
    for seed in sample:
        if seed.caption:
            captions[seed.id] = Answer(seed.caption, "stop", *seed.tokens)
            found.answers[expansion_request(seed.id, seed.text, tools).key(tools.engine.model)] = captions[seed.id]
    good = {seed.id: text for seed in sample if (text := kept(seed.text, captions[seed.id], tools)) is not None}
    possible = (
        dialog_request(seed.id, seed.text, good[seed.id], tools) for seed in sample if seed.id in good and seed.talks
    )
    talks = [request for request in possible if request is not None]
    dialogs, found.dialogs, new = _asked(tools, DIALOGS, talks, shards, found, progress)
    found.new_dialogs.update(new)
    kept_dialogs = [one for request in talks if (one := _kept_dialog(request, dialogs[request.id], tools)) is not None]
    found.dialogs_kept = len(kept_dialogs) / len(talks) if talks else None
    for name, asked in _probes(tools, kept_dialogs, [(seed, good[seed.id]) for seed in sample if seed.id in good]):
        answers, found.paces[name], _ = _asked(tools, name, asked, shards, found, progress, tools.prober)
        found.probes[name] = [(one.prompt_tokens, one.completion_tokens) for one in answers.values()]
    for seed in sample:
        answer, talk = captions[seed.id], dialogs.get(seed.id)
        dialog = (talk.prompt_tokens, talk.completion_tokens) if talk is not None else None
        found.rows.append(Row(answer.prompt_tokens, answer.completion_tokens, seed.id in good, dialog))
    return found


def _probes(
    tools: Tools, dialogs: Sequence[dict[str, Any]], captions: Sequence[tuple[Seed, str]]
) -> Iterator[tuple[str, list[Request]]]:
    """The probes of what is kept, by stage."""
    recipe, texts = tools.recipe, {seed.id: caption for seed, caption in captions}
    for name in dialog_probes(recipe):
        probe = PROBES[name]
        wanted = (one for one in dialogs if drawn(one["id"], recipe, probe.task))
        turns = (chosen_turn(one, probe, texts[one["id"]]) for one in wanted)
        yield name, [probe_request(turn, probe.task, recipe) for turn in turns if turn is not None]
    for name in judged(recipe):
        graded = ((seed, caption) for seed, caption in captions if is_graded(seed.id, recipe))
        yield name, [grade_request(seed.id, seed.text, caption, recipe) for seed, caption in graded]


def _kept_dialog(request: Request, answer: Answer, tools: Tools) -> dict[str, Any] | None:
    """The dialog in an answer as its stage keeps it, None where it is set aside."""
    task = next(task for task in TASKS if task == request.task)
    try:
        turns = parse_dialog(task, answer.text, request.id, answer.finish_reason).turns
    except InvalidAnswer:
        return None
    kept = dialog_rules.judge(task, turns, request.source["caption"], tools.recipe.dialogs.rules, tools.inference).kept
    told = [{"question": turns[n].question, "answer": turns[n].answer, "options": turns[n].options} for n in kept]
    return {"id": request.id, "task": task, "turns": told} if kept else None


def _asked(
    tools: Tools,
    stage: str,
    requests: Sequence[Request],
    shards: dict[str, str],
    found: Profile,
    progress: Callable[[str, int, int], None],
    engine: Engine | None = None,
) -> tuple[dict[str, Answer], Pace | None, list[str]]:
    """All answers by id, the pace at which new ones came, and the ids of those."""
    if not requests:
        return {}, None, []
    engine = engine or tools.engine
    sent: dict[str, float] = {}
    landed: dict[str, float] = {}

    def timed() -> Iterator[Request]:
        for request in requests:
            sent.setdefault(request.id, time.monotonic())  # all are looked through once more at the end
            yield request

    began, answers = time.monotonic(), dict[str, Answer]()
    for request, answer in gathered(
        tools,
        stage,
        dict.fromkeys(sorted({shards[request.id] for request in requests}), False),
        lambda request: shards[request.id],
        timed,
        asked=found.asked,
        total=len(requests),
        progress=lambda done, total: progress(stage, done, len(requests)),
        landed=lambda request, answer: landed.__setitem__(request.id, time.monotonic()),
        engine=engine,
    ):
        answers[request.id] = found.answers[request.key(engine.model)] = answer
    pace = measured(began, [sent[name] for name in landed], list(landed.values())) if len(landed) >= LEAST else None
    return answers, pace, list(landed)
