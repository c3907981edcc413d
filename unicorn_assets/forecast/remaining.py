"""What a recipe still has to ask in its HOME: counted from seeds, shards that stand and stored answers, not guessed."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field

from unicorn_assets.curation import rules
from unicorn_assets.engines.base import Answer
from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.forecast.projection import Asked, Left, Standing
from unicorn_assets.identity import draw
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.stages.captions import expansion_request
from unicorn_assets.stages.dialogs import dialog_request, task_of
from unicorn_assets.stages.freshness import State
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis.answers import InvalidAnswer, parse_expansion

CAPTIONS, CURATED, DIALOGS, FIT = "expanded_captions", "curated_captions", "instruction_dialogs", "modality_alignment"
STORES = 64
"""Most shards that a profile draws its rows from; a shard is a sample of the seeds by itself."""

ENOUGH = 32
"""Answers of a shard that its rate can be told from."""


@dataclass(frozen=True)
class Seed:
    """A seed that may be profiled.

    Args:
        id: the sample.
        text: the seed.
        shard: its shard.
        caption: its caption where that stands; nothing is asked for then.
        tokens: tokens read and written for that.
        talks: whether its shard's dialogs are still to be made.
    """

    id: str
    text: str
    shard: str
    caption: str = ""
    tokens: tuple[int, int] = (0, 0)
    talks: bool = True


@dataclass
class Remaining:
    """What is left.

    Args:
        seeds: number of seeds by shard.
        left: what each shard has to ask, the profile's rows included.
        sample: the rows to profile, in the order in which they were drawn.
        unanswered: ids of those in it that have no stored caption.
    """

    seeds: dict[str, int] = field(default_factory=dict)
    left: dict[str, Left] = field(default_factory=dict)
    sample: list[Seed] = field(default_factory=list)
    unanswered: set[str] = field(default_factory=set)


def remaining(tools: Tools, states: Mapping[tuple[str, str], State], rows: int) -> Remaining:
    """Counts what is left, and draws the profile's rows by the hash that the calibration sample is drawn by.

    So the profile's rows are the first that a run asks for. Rows without an answer come first.
    """
    found, recipe = Remaining(), tools.recipe
    fitted = states[FIT, ALL].condition == "fresh"
    calibration = set() if fitted else _calibration(tools)
    candidates: list[tuple[bool, float, Seed]] = []
    for shard, seeds in _by_shard(tools):
        open_captions = states[CAPTIONS, shard].condition != "fresh"
        open_dialogs = states[DIALOGS, shard].condition != "fresh"
        missing = _missing(tools, shard, seeds) if open_captions or calibration else set()
        asked = [seed for seed in seeds if seed.id in missing and (open_captions or seed.id in calibration)]
        drawn = {one.id for one in seeds if task_of(one.id, recipe.dialogs) is not None} if open_dialogs else set()
        unknown = drawn & missing if open_captions else set()
        sure = _missing_dialogs(tools, shard, _captions(tools, shard, states, seeds, missing, drawn)) if drawn else 0
        of_fit = sum(seed.id in calibration for seed in asked)
        found.seeds[shard] = len(seeds)
        found.left[shard] = Left(of_fit, len(asked) - of_fit, sure, len(unknown))
        stale = any(state.condition != "fresh" for (_, where), state in states.items() if where == shard)
        if not asked and stale:
            useful = seeds if open_captions else _captioned(tools, shard, talks=open_dialogs)
        else:
            useful = asked
        ids = {seed.id for seed in asked}
        candidates += [(seed.id not in ids, draw(seed.id, "calibration"), seed) for seed in useful]
        found.unanswered |= ids
        if len(candidates) > 4 * rows + 1000:
            candidates = heapq.nsmallest(rows + STORES, candidates, key=lambda one: one[:2])
    shards: set[str] = set()
    for _, _, seed in sorted(candidates, key=lambda one: one[:2]):
        if len(found.sample) < rows and (seed.shard in shards or len(shards) < STORES):
            shards.add(seed.shard)
            found.sample.append(seed)
    found.unanswered &= {seed.id for seed in found.sample}
    return found


def _by_shard(tools: Tools) -> Iterator[tuple[str, list[Seed]]]:
    """All shards with their seeds; the file is sorted by shard."""
    gathered: list[Seed] = []
    for row in read_rows(tools.home.lake.rows("seed_sources", ALL), ["id", "seed", "shard"]):
        if gathered and gathered[0].shard != row["shard"]:
            yield gathered[0].shard, gathered
            gathered = []
        gathered.append(Seed(row["id"], row["seed"], row["shard"]))
    if gathered:
        yield gathered[0].shard, gathered


def _captioned(tools: Tools, shard: str, *, talks: bool) -> list[Seed]:
    """The seeds of a shard whose captions stand. Their answers may be gone, and are not asked for again."""
    columns = ["id", "seed", "caption", "prompt_tokens", "completion_tokens"]
    return [
        Seed(row["id"], row["seed"], shard, row["caption"], (row["prompt_tokens"], row["completion_tokens"]), talks)
        for row in read_rows(tools.home.lake.rows(CAPTIONS, shard), columns)
    ]


def _calibration(tools: Tools) -> set[str]:
    """The ids that the fit of the transfer asks for."""
    rows = read_rows(tools.home.lake.rows("seed_sources", ALL), ["id"])
    smallest = heapq.nsmallest(
        tools.recipe.alignment.sample, ((draw(row["id"], "calibration"), row["id"]) for row in rows)
    )
    return {sample for _, sample in smallest}


def _missing(tools: Tools, shard: str, seeds: list[Seed]) -> set[str]:
    """Ids of the seeds without a stored caption."""
    with closing(AnswerReader(tools.home.answers(CAPTIONS, shard))) as store:
        if not len(store):
            return {seed.id for seed in seeds}
        model = tools.engine.model
        return {seed.id for seed in seeds if expansion_request(seed.id, seed.text, tools).key(model) not in store}


def _captions(
    tools: Tools,
    shard: str,
    states: Mapping[tuple[str, str], State],
    seeds: list[Seed],
    missing: set[str],
    wanted: set[str],
) -> Iterator[tuple[Seed, str]]:
    """The captions of these seeds that are known by now and are kept: those that stand, else those that are stored."""
    if states[CAPTIONS, shard].condition == "fresh":
        curated = states[CURATED, shard].condition == "fresh"
        for row in read_rows(tools.home.lake.rows(CURATED if curated else CAPTIONS, shard), ["id", "seed", "caption"]):
            seed = Seed(row["id"], row["seed"], shard)
            if seed.id in wanted and (curated or not rules.judge(seed.text, row["caption"], tools.recipe.curation)):
                yield seed, row["caption"]
        return
    with closing(AnswerReader(tools.home.answers(CAPTIONS, shard))) as store:
        for seed in seeds:
            if seed.id in wanted and seed.id not in missing:
                answer = store.get(expansion_request(seed.id, seed.text, tools).key(tools.engine.model))
                caption = kept(seed.text, answer, tools) if answer is not None else None
                if caption is not None:
                    yield seed, caption


def kept(seed: str, answer: Answer, tools: Tools) -> str | None:
    """The caption in an answer if curation keeps it."""
    try:
        caption = parse_expansion(answer.text, answer.finish_reason)
    except InvalidAnswer:
        return None
    return None if rules.judge(seed, caption, tools.recipe.curation) else caption


def _missing_dialogs(tools: Tools, shard: str, captions: Iterable[tuple[Seed, str]]) -> int:
    """How many dialogs of these captions have no stored answer."""
    count = 0
    with closing(AnswerReader(tools.home.answers(DIALOGS, shard))) as store:
        for seed, caption in captions:
            request = dialog_request(seed.id, seed.text, caption, tools)
            count += request is not None and request.key(tools.engine.model) not in store
    return count


def standing(states: Mapping[tuple[str, str], State]) -> Standing:
    """The figures of the shards that are fresh and were asked for as they are."""
    made: dict[str, list[Sidecar]] = defaultdict(list)
    for (stage, _), state in states.items():
        if state.condition == "fresh" and state.sidecar is not None:
            made[stage].append(state.sidecar)
    captions, dialogs = asked_of(made[CAPTIONS]), asked_of(made[DIALOGS])
    curated = {one.shard: one.rows_out for one in made[CURATED]}
    both = [one for one in made[CAPTIONS] if one.shard in curated]
    return Standing(
        captions[0],
        captions[1:],
        dialogs[0],
        dialogs[1:],
        sum(one.rows_in for one in both),
        sum(curated[one.shard] for one in both),
        rates_of(made[CAPTIONS]),
        rates_of(made[DIALOGS]),
    )


def rates_of(made: list[Sidecar]) -> tuple[float, ...]:
    """Answers a second of shards that asked for enough to tell."""
    asked = ((int(one.metrics.get("requests", 0)), one.run.seconds) for one in made)
    return tuple(requests / seconds for requests, seconds in asked if requests >= ENOUGH and seconds > 0)


def asked_of(made: list[Sidecar]) -> Asked:
    """What these shards asked for, with their tokens."""
    names = ("requests", "prompt_tokens", "completion_tokens")
    requests, prompt, completion = (sum(int(one.metrics.get(name, 0)) for one in made) for name in names)
    return requests, prompt, completion
