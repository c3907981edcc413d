"""A rehearsal: every stage for real, on the profile's rows, in a HOME of its own that goes away again.

The engine is a stand-in that has the profile's answers already, so that what is measured is all the rest: curation,
encoder, transfer, datasets, release, and what it takes to run steps. A few rows and all of them tell a shard's constant
seconds from those that grow with its rows.
"""

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from unicorn_assets.alignment import Alignment
from unicorn_assets.engines.base import Answer, Model, Request
from unicorn_assets.forecast.remaining import Seed
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.layout import ALL
from unicorn_assets.recipe import Recipe, Source
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.tools import Tools

FEW = 4
"""The small rehearsal has this part of the rows, in two shards, of which the first one warms up."""

Drive = Callable[[Tools], Mapping[str, float]]
"""Materializes everything; seconds of each run: those of the shards by their names, all others as ALL."""


@dataclass(frozen=True)
class Cost:
    """Seconds of a step: some in any case, and some for each seed of its shard."""

    fixed: float
    seed: float

    def seconds(self, seeds: int) -> float:
        """For a shard of so many seeds."""
        return self.fixed + self.seed * seeds


@dataclass(frozen=True)
class Rehearsal:
    """What was measured.

    Args:
        stages: the cost of each stage, beside the engine's answers; of a stage without shards, for the whole corpus.
        shard: seconds of a shard's run beyond the work of its steps.
        once: the same of the runs of what has no shards.
        loading: seconds until the encoder was there.
    """

    stages: Mapping[str, Cost]
    shard: float
    once: float
    loading: float


class Answered:
    """An engine that has the answers already."""

    def __init__(self, model: Model, answers: Mapping[str, Answer]) -> None:
        self.model, self._answers = model, answers

    def generate(self, requests: Iterable[Request]) -> Generator[tuple[Request, Answer], None, None]:
        """The answers that it has; of any other row that it has none."""
        for request in requests:
            yield request, self._answers.get(request.key(self.model), Answer("", "refused"))

    def close(self) -> None:
        """Nothing is held."""


def rehearse(tools: Tools, sample: Sequence[Seed], answers: Mapping[str, Answer], drive: Drive) -> Rehearsal:
    """Rehearses on the profile's rows.

    Raises:
        UnicornError: a stage fails, as it would in the run.
    """
    began = time.monotonic()
    tools.encoder.encode(["A dog on a beach."])
    loading = time.monotonic() - began
    few = list(sample)[: max(2, len(sample) // FEW)]
    small = _rehearsed(tools, few, answers, drive, shards=2)
    large = _rehearsed(tools, list(sample), answers, drive, shards=1)
    stages = {}
    for name, stage in graph(large.recipe).items():
        here = shard_names(2)[-1] if stage.sharded else ALL
        seeds = large.seeds[shard_names(1)[0]], small.seeds[here] if stage.sharded else len(few)
        stages[name] = _line(large.steps[name, large.last if stage.sharded else ALL], small.steps[name, here], *seeds)
    return Rehearsal(stages, large.overhead(large.last), large.overhead(ALL), loading)


def _line(large: float, small: float, many: int, few: int) -> Cost:
    """The line through two measurements, neither part of it below nothing."""
    slope = max(0.0, (large - small) / (many - few)) if many > few else large / max(1, many)
    return Cost(max(0.0, large - slope * many), slope)


@dataclass(frozen=True)
class _Rehearsed:
    recipe: Recipe
    steps: Mapping[tuple[str, str], float]
    seeds: Mapping[str, int]
    runs: Mapping[str, float]
    last: str

    def overhead(self, which: str) -> float:
        """Seconds of a run that no step accounts for."""
        return max(0.0, self.runs[which] - sum(taken for (_, shard), taken in self.steps.items() if shard == which))


def _rehearsed(
    tools: Tools, sample: Sequence[Seed], answers: Mapping[str, Answer], drive: Drive, *, shards: int
) -> _Rehearsed:
    with TemporaryDirectory(prefix=".rehearsal-", dir=tools.home.path) as folder:
        path = Path(folder) / "seeds.jsonl"
        path.write_text("".join(json.dumps({"caption": seed.text}) + "\n" for seed in sample), encoding="utf-8")
        recipe = _recipe(tools.recipe, path, shards)
        home = Home(Path(folder) / "home")
        engine = Answered(tools.engine.model, answers)
        rehearsing = Tools(home, recipe, lambda chosen, settings, home: engine, lambda chosen: tools.encoder)
        home.prepare()
        home.adopt(rehearsing.recipe)
        runs = drive(rehearsing)
        names = [(name, shard) for name, stage in graph(recipe).items() for shard in stage.shards(recipe)]
        made = {where: home.lake.need(*where) for where in names}
        steps = {where: one.run.seconds for where, one in made.items()}
        seeds = {shard: made["caption_seeds", shard].rows_out for shard in shard_names(shards)}
        return _Rehearsed(rehearsing.recipe, steps, seeds, runs, shard_names(shards)[-1])


def _recipe(recipe: Recipe, seeds: Path, shards: int) -> Recipe:
    """The recipe on a few seeds. Images are left out: what they take does not grow with the seeds."""
    sources = (Source(name="profile", path=str(seeds)),)
    alignment = recipe.alignment
    if alignment.images is not None:
        alignment = Alignment(method="mean_shift", sample=alignment.sample)
    return recipe.model_copy(
        update={
            "shards": shards,
            "seeds": recipe.seeds.model_copy(update={"sources": sources}),
            "alignment": alignment,
            "release": recipe.release.model_copy(update={"coverage": 0.0}),
        }
    )
