"""`release`: what goes out, once enough shards are complete and fresh."""

import shutil
from typing import Any

from unicorn_assets.errors import CheckError
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.release import build as releases
from unicorn_assets.release.build import Coverage
from unicorn_assets.release.meters import Meters
from unicorn_assets.stages import checks, corpus, freshness
from unicorn_assets.stages.base import CheckSpec, Finding, Finished, Made, Stage, Work
from unicorn_assets.stages.corpus_meters import corpus_meters
from unicorn_assets.stages.probes import corpus_figures
from unicorn_assets.stages.selection import SELECTION, below
from unicorn_assets.stages.tools import Tools


def _fields(tools: Tools) -> dict[str, Any]:
    covered, fresh = corpus.coverage(tools)
    withdrawn = [one.model_dump() for one in tools.home.withdrawals.in_force()]
    return {
        **({"withdrawn": digest(withdrawn)} if withdrawn else {}),
        "name": tools.recipe.name,
        "format": releases.FORMAT_VERSION,
        "least_coverage": tools.recipe.release.coverage,
        "formats": list(tools.recipe.release.formats),
        "validation": tools.recipe.release.validation,
        freshness.CORPUS: digest(fresh),
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
    with corpus.seen(tools):
        covered, fresh = corpus.coverage(tools)
        if not fresh or covered.fresh / covered.expected < least:
            raise _refuse(covered, least)
        corpus.refuse_stale(work, below(work.recipe))
        meters = corpus_meters(work.lake, list(fresh))
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
            withdrawn=tools.home.withdrawals.in_force(),
            meters=Meters.model_validate(meters),
        )
        folder = releases.publish(draft, tools.home.releases, work.recipe.name, built.version)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Made(
        rows_in=work.inputs[SELECTION.name].rows_out,
        rows_out=sum(built.rows.values()),
        metrics={
            "version": built.version,
            "folder": str(folder.relative_to(tools.home.path)),
            "rows": built.rows,
            "fresh": covered.fresh,
            "expected": covered.expected,
            "changes": releases.counted_changes(folder),
            **meters,
            **corpus_figures(work.recipe, work.lake, list(fresh)),
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
    inputs=(*corpus.DATASETS, SELECTION.name),
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
