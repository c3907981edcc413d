"""`unicorn preview`: a few seeds through the engine, with prompt, answer and verdict. Nothing is kept."""

import heapq
import time
from collections.abc import Iterator
from itertools import islice

import click

from unicorn_assets import settings
from unicorn_assets.curation import dialogs, rules
from unicorn_assets.encoders import nli
from unicorn_assets.engines import open_engine
from unicorn_assets.engines.base import Answer, Engine, Request
from unicorn_assets.errors import SeedError
from unicorn_assets.home import Home
from unicorn_assets.identity import draw, sample_id
from unicorn_assets.recipe import Recipe, Seeds
from unicorn_assets.settings import Prices
from unicorn_assets.stages.accounting import Usage
from unicorn_assets.stages.budget import check
from unicorn_assets.stages.dialogs import TASKS, task_of
from unicorn_assets.stages.seeds import withdrawn
from unicorn_assets.stages.settling import note
from unicorn_assets.synthesis import prompts
from unicorn_assets.synthesis.answers import Dialog, InvalidAnswer, parse_dialog, parse_expansion
from unicorn_assets.synthesis.seeds import readers
from unicorn_assets.synthesis.seeds.cleaning import clean
from unicorn_assets.synthesis.seeds.rows import Row, Withdrawn

LARGEST = 1 << 62
LOOKED_AT = 2000
"""Rows of each source that the sample is drawn from, so that a preview of a large corpus is quick."""


def preview(home: Home, recipe: Recipe, count: int, *, base_url: str | None = None) -> None:
    """Prints prompts, answers and verdicts for a sample of the recipe's seeds, and what all of them would cost.

    Args:
        home: whose settings to use.
        recipe: the recipe.
        count: how many seeds.
        base_url: address of the server for `openai`, in place of the settings'.

    Raises:
        SeedError: no source has a usable seed among its first rows.
        BudgetError: the budget of HOME is used up.
        EngineError: the engine cannot answer.
    """
    chosen = settings.load(home.path)
    if base_url is not None:
        chosen = chosen.model_copy(update={"endpoint": chosen.endpoint.model_copy(update={"base_url": base_url})})
    seeds = _sample(recipe.seeds, count, withdrawn(home, recipe))
    if recipe.engine.kind != "rules":
        check(home, chosen)
    engine = open_engine(recipe.engine, chosen, home.path)
    started = time.monotonic()
    try:
        kept = _expansions(recipe, engine, seeds)
        _dialogs(recipe, engine, kept)
        stats = getattr(engine, "stats", None)
        if stats is not None:
            _forecast(recipe, _used(engine, started), len(seeds), chosen.prices)
    finally:
        stats = getattr(engine, "stats", None)
        if stats is not None and stats.answers:
            seconds = (time.monotonic() - started) * max(1, getattr(engine, "devices", 0))
            note(home, "preview", chosen, _used(engine, started), stats.answers, seconds)
        engine.close()


def _used(engine: Engine, started: float) -> Usage:
    """What the engine has used since it was opened."""
    stats = getattr(engine, "stats", None)
    if stats is None:
        return Usage()
    device_seconds = (time.monotonic() - started) * getattr(engine, "devices", 0)
    return Usage(stats.prompt_tokens, stats.completion_tokens, device_seconds)


def _forecast(recipe: Recipe, used: Usage, rows: int, prices: Prices) -> None:
    """What all seeds would take at this rate; those that cleaning or drawing leaves out are counted, so at most."""
    seeds = sum(min(source.draw or LARGEST, sum(1 for _ in readers.rows(source))) for source in recipe.seeds.sources)
    whole = used.times(seeds / rows)
    tokens = f"{whole.prompt_tokens:,} tokens in and {whole.completion_tokens:,} out"
    money = f", {whole.money(prices):,.2f} {prices.currency}" if whole.money(prices) else ""
    click.echo(f"The whole recipe, at most {seeds:,} seeds, at this rate: {tokens}{money}.")
    if not money:
        click.echo(f"For money, put prices into the [prices] section of {settings.FILE} in HOME.")


def _sample(seeds: Seeds, count: int, gone: Withdrawn) -> list[str]:
    """Usable seeds from the beginning of each source, drawn by hash; nothing that was withdrawn."""
    sources = (source for source in seeds.sources if source.name not in gone.sources)
    looked_at = (row for source in sources for row in islice(readers.rows(source), LOOKED_AT))
    usable = {seed for row in looked_at if (seed := _usable(row, seeds)) and sample_id(seed) not in gone.seeds}
    if not usable:
        raise SeedError(
            f"None of the first {LOOKED_AT} rows of the sources is a usable seed.",
            "run `unicorn run` to see each row's reason, or check the caption column.",
        )
    return heapq.nsmallest(count, usable, key=lambda seed: draw(sample_id(seed), "preview"))


def _usable(row: object, seeds: Seeds) -> str | None:
    seed = clean(row.text, seeds) if isinstance(row, Row) else None
    return seed if isinstance(seed, str) else None


def _expansions(recipe: Recipe, engine: Engine, seeds: list[str]) -> dict[str, dict[str, str]]:
    requests = [prompts.request("expansion", sample_id(seed), {"seed": seed}, recipe.expansion) for seed in seeds]
    _show_prompt(requests[0])
    kept = {}
    for number, (request, answer) in enumerate(_answered(engine, requests), start=1):
        seed, verdict = request.source["seed"], "kept"
        try:
            caption = parse_expansion(answer.text, answer.finish_reason)
            reasons = rules.judge(seed, caption, recipe.curation)
            if reasons:
                verdict = "rejected: " + "; ".join(f"{reason.code} ({reason.detail})" for reason in reasons)
            else:
                kept[request.id] = {"seed": seed, "caption": caption}
        except InvalidAnswer as invalid:
            verdict = f"rejected: {invalid}"
        click.echo(f"{number}. {seed}\n   {answer.text}\n   -> {verdict}{_tokens(answer)}\n")
    click.echo(f"{len(kept)} of {len(requests)} captions kept.\n")
    return kept


def _dialogs(recipe: Recipe, engine: Engine, kept: dict[str, dict[str, str]]) -> None:
    inference = nli.chosen(recipe.dialogs.rules)
    drawn = [(task, sample) for sample in kept if (task := task_of(sample, recipe.dialogs)) is not None]
    for task in TASKS:
        requests = [
            prompts.request(task, sample, kept[sample], recipe.dialogs.sampling) for one, sample in drawn if one == task
        ]
        if not requests:
            continue
        _show_prompt(requests[0])
        for request, answer in _answered(engine, requests):
            click.echo(f"{request.source['seed']}")
            try:
                dialog = parse_dialog(task, answer.text, request.id, answer.finish_reason)
                verdict = dialogs.judge(task, dialog.turns, request.source["caption"], recipe.dialogs.rules, inference)
                for line in _turns(dialog, verdict):
                    click.echo(f"   {line}")
                click.echo(f"   -> {'kept' if verdict.kept else 'rejected: too few turns are left'}{_tokens(answer)}\n")
            except InvalidAnswer as invalid:
                click.echo(f"   {answer.text}\n   -> rejected: {invalid}{_tokens(answer)}\n")
    click.echo(f"{len(drawn)} of {len(kept)} captions drawn for a dialog.")


def _answered(engine: Engine, requests: list[Request]) -> list[tuple[Request, Answer]]:
    """Answers in the order of the requests, whatever order the engine gives them in."""
    answers = {request.id: answer for request, answer in engine.generate(requests)}
    return [(request, answers[request.id]) for request in requests]


def _show_prompt(request: Request) -> None:
    click.echo(f"Prompt {request.prompt_version}, as the first row has it:")
    for message in request.messages:
        click.echo("\n".join(f"   | {line}" for line in f"{message.role}: {message.content}".splitlines()))
    click.echo("")


def _turns(dialog: Dialog, verdict: dialogs.Verdict) -> Iterator[str]:
    faults = {fault.place: fault.reason for fault in verdict.faults}
    for place, turn in enumerate(dialog.turns):
        options = " ".join(f"{letter}: {option}" for letter, option in zip("ABCD", turn.options, strict=False))
        yield f"Q {turn.question} {options}".rstrip()
        yield f"A {turn.answer}"
        if place in faults:
            yield f"  dropped: {faults[place].code} ({faults[place].detail})"
    if dialog.repaired:
        yield "(its JSON was broken and has been repaired)"


def _tokens(answer: Answer) -> str:
    if not answer.prompt_tokens and not answer.completion_tokens:
        return ""
    return f" ({answer.prompt_tokens} tokens in, {answer.completion_tokens} out)"
