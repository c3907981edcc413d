"""Makes one shard of one stage: nothing twice, whole or not at all, with every row accounted for."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.files import explained
from unicorn_assets.lake.fingerprint import fingerprint
from unicorn_assets.lake.layout import ALL, LAKE_VERSION
from unicorn_assets.lake.sidecar import Check, Run, Sidecar
from unicorn_assets.progress import Progress, silent
from unicorn_assets.stages.base import Finished, Stage, Work
from unicorn_assets.stages.tools import Tools

CATALOG_BATCH = 8
"""Shards of stages that are taken in together: a shard's whole chain. Readers of the catalog take in what is left."""
CATALOG_WAIT_SECONDS = 0.2
"""A step that cannot get the catalog's lock in this time leaves its shard to the next one that can."""


@dataclass(frozen=True)
class Outcome:
    """What became of a step: the shard's sidecar, and whether it stood already."""

    sidecar: Sidecar
    reused: bool
    note: str = ""


def make(
    stage: Stage,
    tools: Tools,
    shard: str,
    *,
    graph: Mapping[str, Stage],
    run_id: str,
    again: bool = False,
    progress: Progress = silent,
) -> Outcome:
    """Makes a shard unless it stands already with the same fingerprint.

    Args:
        stage: the stage.
        tools: home, recipe, engine, encoder.
        shard: the shard, `all` for an unpartitioned stage.
        graph: all stages by name, to find the inputs.
        run_id: who asks; stands in the sidecar.
        again: makes it even if it stands.
        progress: told how far the work is.

    Raises:
        UnicornError: what a person can mend; nothing of the shard has appeared then.
    """
    tools.home.prepare()
    with tools.home.at_work(), tools.home.step_lock(stage.name, shard):
        tools.home.adopt(tools.recipe)
        inputs = _inputs(stage, tools, shard, graph)
        fields = stage.fields(tools) | {"version": stage.version}
        expected = fingerprint(stage.name, fields, named(inputs, shard) if not stage.frozen else {})
        old, note = standing(stage, tools, shard)
        if old is not None and old.fingerprint == expected and not again and not old.blocked_by:
            return Outcome(old, reused=True)
        attempt = old.run.attempt + 1 if old is not None and old.fingerprint == expected else 1
        work = Work(tools, stage.name, shard, inputs, expected, progress)
        started, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        with explained(tools.home.lake.rows(stage.name, shard)), Drafts(tools.home.lake, stage.name, shard) as drafts:
            made = stage.body(work, drafts)
            run = Run(
                run_id=run_id,
                started=started,
                seconds=round(time.monotonic() - clock, 3),
                host=socket.gethostname(),
                version=version("unicorn-assets"),
                attempt=attempt,
            )
            sidecar = describe(Finished(work, stage, drafts, made), fields, run)
            tools.home.catalog.mark(stage.name, shard)
            drafts.publish(sidecar)
        if not stage.sharded or tools.home.catalog.waiting() >= CATALOG_BATCH:
            tools.home.catalog.catch_up(wait_seconds=CATALOG_WAIT_SECONDS)
        return Outcome(sidecar, reused=False, note=note)


def named(inputs: Mapping[str, Sidecar], shard: str) -> dict[str, str]:
    """What the inputs produced for a shard, as it enters the fingerprint."""
    return {name: sidecar.produced_for(shard) for name, sidecar in inputs.items()}


def standing(stage: Stage, tools: Tools, shard: str) -> tuple[Sidecar | None, str]:
    """The shard that stands and can be used, and why one that stands cannot."""
    try:
        found = tools.home.lake.sidecar(stage.name, shard)
    except LakeError as error:
        return None, error.what
    if found is None:
        return None, ""
    wrong = tools.home.lake.damage(found) or stage.intact(tools, found)
    return (None, f"{wrong}; made again") if wrong else (found, "")


def _inputs(stage: Stage, tools: Tools, shard: str, graph: Mapping[str, Stage]) -> dict[str, Sidecar]:
    inputs = {}
    for name in stage.inputs:
        if graph[name].sharded and not stage.sharded:
            continue  # an unpartitioned stage below the shards looks at all of them itself, and says which are missing
        inputs[name] = tools.home.lake.need(name, shard if graph[name].sharded else ALL)
    return inputs


def describe(finished: Finished, fields: dict[str, Any], run: Run) -> Sidecar:
    """The sidecar of finished drafts, with what the stage's checks find in them."""
    work, made = finished.work, finished.made
    checks = []
    for spec in finished.stage.checks:
        finding = spec.look(finished)
        checks.append(
            Check(
                name=spec.name,
                passed=finding.passed,
                blocking=spec.blocking,
                severity=finding.severity or spec.severity,
                description=spec.description,
                figures=dict(finding.figures),
            )
        )
    return Sidecar(
        lake_version=LAKE_VERSION,
        stage=work.stage,
        shard=work.shard,
        fingerprint=work.fingerprint,
        fields=fields,
        inputs=named(work.inputs, work.shard),
        produced=dict(made.produced),
        rows_in=made.rows_in,
        rows_out=made.rows_out,
        rejected=dict(sorted(made.rejected.items())),
        not_selected=dict(sorted(made.not_selected.items())),
        files=finished.drafts.describe(),
        checks=checks,
        metrics=dict(made.metrics),
        run=run,
    )
