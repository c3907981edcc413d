"""The whole corpus, as the stages below the shards see it: which shards can go out, and who has seen them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import ALL
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.build import Coverage
from unicorn_assets.stages import freshness
from unicorn_assets.stages.alignment import MODALITY_ALIGNMENT, modality_alignment
from unicorn_assets.stages.base import Stage, Work
from unicorn_assets.stages.captions import CURATED_CAPTIONS, EXPANDED_CAPTIONS
from unicorn_assets.stages.datasets import INSTRUCTION_DATASET, PRETRAIN_DATASET
from unicorn_assets.stages.dialogs import INSTRUCTION_DIALOGS
from unicorn_assets.stages.embeddings import SYNTHETIC_IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS
from unicorn_assets.stages.freshness import State
from unicorn_assets.stages.images import image_reference
from unicorn_assets.stages.probes import probes
from unicorn_assets.stages.seeds import CAPTION_SEEDS, SEED_SOURCES
from unicorn_assets.stages.tools import Tools

UPSTREAM: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        SEED_SOURCES,
        MODALITY_ALIGNMENT,
        CAPTION_SEEDS,
        EXPANDED_CAPTIONS,
        CURATED_CAPTIONS,
        INSTRUCTION_DIALOGS,
        TEXT_EMBEDDINGS,
        SYNTHETIC_IMAGE_EMBEDDINGS,
        PRETRAIN_DATASET,
        INSTRUCTION_DATASET,
    )
}
"""The stages that every release is made of, down to the shards, in the order of the graph."""

DATASETS = (PRETRAIN_DATASET.name, INSTRUCTION_DATASET.name)
"""The candidates for a release."""

READ = (CAPTION_SEEDS.name, *DATASETS)
"""What is read of a shard below the shards. Seeds for source, licence and topic, which change no row of a dataset."""


def upstream(recipe: Recipe) -> Mapping[str, Stage]:
    """The stages that a release of this recipe is made of, down to the shards, in the order of the graph.

    At their end the probes that it asks for, which a release tells of and is not made of.
    """
    if recipe.alignment.images is None:
        return {**UPSTREAM, **probes(recipe)}
    above = (SEED_SOURCES, image_reference(recipe), modality_alignment(recipe))
    below = {name: stage for name, stage in UPSTREAM.items() if stage.sharded}
    return {**{stage.name: stage for stage in above}, **below, **probes(recipe)}


def coverage(tools: Tools) -> tuple[Coverage, dict[str, list[str]]]:
    """Which shards can go out, and the fingerprints of what is read of them; for the rest, why they cannot."""
    missing: dict[str, str] = {}
    fingerprints: dict[str, list[str]] = {shard: [] for shard in PRETRAIN_DATASET.shards(tools.recipe)}
    for state in tools.seen or freshness.states(tools, upstream(tools.recipe)):
        if state.stage not in READ:
            continue
        if state.condition == "fresh" and state.sidecar is not None:
            fingerprints[state.shard].append(state.sidecar.fingerprint)
        else:
            missing.setdefault(state.shard, f"{state.stage} is {state.condition}: {state.why}")
    fresh = {shard: found for shard, found in fingerprints.items() if shard not in missing}
    return Coverage(fresh=len(fresh), expected=len(fingerprints), missing=missing), fresh


def corpus_fields(tools: Tools) -> dict[str, Any]:
    """What decides a stage below the shards in any case: the shards that it looks at."""
    return {freshness.CORPUS: digest(coverage(tools)[1])}


@contextmanager
def seen(tools: Tools, states: Iterable[State] | None = None) -> Iterator[None]:
    """While this is open, `coverage` goes by these states of the stages upstream, by default those that stand now.

    Reading all sidecars takes time, and what is decided of one corpus has to be decided of the same shards.
    """
    states = freshness.states(tools, upstream(tools.recipe)) if states is None else states
    before, tools.seen = tools.seen, tuple(states)
    try:
        yield
    finally:
        tools.seen = before


def states_below(tools: Tools, stages: Mapping[str, Stage]) -> Iterator[State]:
    """The state of stages below the shards; under `seen`, for they are many that look at the same shards.

    Args:
        tools: home and recipe.
        stages: the stages, each after those that it is made from.
    """
    known: dict[str, State] = {}
    for stage in stages.values():
        above = [known[name] for name in stage.inputs if name in known]
        known[stage.name] = freshness.state(stage, tools, ALL, freshness.decided(stage, tools), above)
        yield known[stage.name]


def refuse_stale(work: Work, stages: Mapping[str, Stage]) -> None:
    """Refuses to go on from decisions about other shards than those that stand now, or by other rules.

    Args:
        work: what is to be made.
        stages: the stages below the shards that it is made from, each after those that it is made from itself.

    Raises:
        LakeError: one of them is not fresh; names it, and what changed.
    """
    for state in states_below(work.tools, stages):
        if state.condition != "fresh":
            raise LakeError(
                f"{state.stage} is {state.condition}: {state.why}.",
                f"materialize {state.stage} first, then {work.stage}; `unicorn run` and the schedules do.",
            )
