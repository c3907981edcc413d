"""`release`: what goes out, once enough shards are complete and fresh."""

import shutil
from collections.abc import Mapping
from typing import Any

from unicorn_assets.errors import CheckError
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.recipe import Recipe
from unicorn_assets.release import build as releases
from unicorn_assets.release.build import Coverage
from unicorn_assets.stages import checks, freshness
from unicorn_assets.stages.alignment import MODALITY_ALIGNMENT, modality_alignment
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.captions import CURATED_CAPTIONS, EXPANDED_CAPTIONS
from unicorn_assets.stages.corpus import corpus_meters
from unicorn_assets.stages.datasets import INSTRUCTION_DATASET, PRETRAIN_DATASET
from unicorn_assets.stages.dialogs import INSTRUCTION_DIALOGS
from unicorn_assets.stages.embeddings import SYNTHETIC_IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS
from unicorn_assets.stages.images import image_reference
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
"""The stages that every release is made of, in the order of the graph."""

DATASETS = (PRETRAIN_DATASET.name, INSTRUCTION_DATASET.name)


def upstream(recipe: Recipe) -> Mapping[str, Stage]:
    """The stages that a release of this recipe is made of, in the order of the graph."""
    if recipe.alignment.images is None:
        return UPSTREAM
    above = (SEED_SOURCES, image_reference(recipe), modality_alignment(recipe))
    return {stage.name: stage for stage in above} | {
        name: stage for name, stage in UPSTREAM.items() if name not in (SEED_SOURCES.name, MODALITY_ALIGNMENT.name)
    }


def coverage(tools: Tools) -> tuple[Coverage, dict[str, list[str]]]:
    """Which shards can go out, and the fingerprints of their datasets; for the rest, why they cannot."""
    missing: dict[str, str] = {}
    fingerprints: dict[str, list[str]] = {shard: [] for shard in PRETRAIN_DATASET.shards(tools.recipe)}
    for state in freshness.states(tools, upstream(tools.recipe)):
        if state.stage not in DATASETS:
            continue
        if state.condition == "fresh" and state.sidecar is not None:
            fingerprints[state.shard].append(state.sidecar.fingerprint)
        else:
            missing.setdefault(state.shard, f"{state.stage} is {state.condition}: {state.why}")
    fresh = {shard: found for shard, found in fingerprints.items() if shard not in missing}
    return Coverage(fresh=len(fresh), expected=len(fingerprints), missing=missing), fresh


def _fields(tools: Tools) -> dict[str, Any]:
    covered, fresh = coverage(tools)
    return {
        "name": tools.recipe.name,
        "format": releases.FORMAT_VERSION,
        "least_coverage": tools.recipe.release.coverage,
        "formats": list(tools.recipe.release.formats),
        "validation": tools.recipe.release.validation,
        "shards": digest(fresh),
        "fresh": covered.fresh,
    }


def _refuse(covered: Coverage, least: float) -> CheckError:
    reasons = [f"  {shard}: {why}" for shard, why in list(covered.missing.items())[:5]]
    more = len(covered.missing) - len(reasons)
    listed = "\n".join(reasons + ([f"  and {more} more"] if more > 0 else []))
    return CheckError(
        f"{covered.fresh} of {covered.expected} shards are complete and fresh; the recipe wants {least:.0%}.\n{listed}",
        "materialize those shards, or lower `coverage` in the recipe's [release] section.",
        check=COVERAGE.name,
        figures={"fresh": covered.fresh, "expected": covered.expected, "least": least},
    )


def _release(work: Work, drafts: Drafts) -> Made:
    tools, least = work.tools, work.recipe.release.coverage
    covered, fresh = coverage(tools)
    if not fresh or covered.fresh / covered.expected < least:
        raise _refuse(covered, least)
    draft = tools.home.releases / work.recipe.name / f".draft.{work.fingerprint}"
    for left in draft.parent.glob(".draft.*"):  # of a kill; the step's lock keeps other writers out
        shutil.rmtree(left, ignore_errors=True)
    try:
        built = releases.build(
            work.lake,
            work.recipe,
            list(fresh),
            covered,
            draft,
            progress=work.progress,
            before=releases.latest(draft.parent),
        )
        folder = releases.publish(draft, tools.home.releases, work.recipe.name, built.version)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    rows = sum(built.rows.values())
    return Made(
        rows_in=rows,
        rows_out=rows,
        metrics={
            "version": built.version,
            "folder": str(folder.relative_to(tools.home.path)),
            "rows": built.rows,
            "fresh": covered.fresh,
            "expected": covered.expected,
            "changes": releases.counted_changes(folder),
            **corpus_meters(work.lake, list(fresh)),
        },
    )


def _covered(finished: Finished) -> Finding:
    metrics = finished.made.metrics
    least = finished.work.recipe.release.coverage
    figures = {"fresh": metrics["fresh"], "expected": metrics["expected"], "least": least}
    return Finding(metrics["fresh"] / metrics["expected"] >= least, figures)


def _hashes_hold(finished: Finished) -> Finding:
    folder = finished.work.tools.home.path / finished.made.metrics["folder"]
    wrong = releases.intact(folder, thorough=True)
    return Finding(wrong is None, {"wrong": wrong or ""})


def _damage(tools: Tools, found: Sidecar) -> str | None:
    return releases.intact(tools.home.path / found.metrics["folder"])


COVERAGE = CheckSpec(
    "coverage", "Enough shards are complete and fresh, as the recipe's [release] section says.", _covered
)

RELEASE = Stage(
    name="release",
    version=1,
    inputs=DATASETS,
    fields=_fields,
    body=_release,
    schema=None,
    checks=(
        checks.ROWS_CONSERVED,
        COVERAGE,
        CheckSpec(
            "hashes_hold", "Every file of the release has the size and hash that the manifest says.", _hashes_hold
        ),
    ),
    sharded=False,
    intact=_damage,
)
