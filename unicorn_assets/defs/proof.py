"""The proof in miniature as assets of their own group: a world a partition, and the table over all of them.

No schedule and no other asset asks for them.
"""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from unicorn_assets.defs.factory import OWNERS
from unicorn_assets.execution import heartbeat, tags
from unicorn_assets.proof import experiment
from unicorn_assets.proof.experiment import Plan
from unicorn_assets.stages.tools import Tools

GROUP = "proof"
SEEDS = 5
STILL_SECONDS = 1800.0
"""A step that says nothing for so long hangs; a row takes a minute or two."""

_OP_TAGS = {tags.LANE: "cpu", tags.TIMEOUT: str(STILL_SECONDS)}
_WORLDS = dg.StaticPartitionsDefinition([f"seed-{number}" for number in range(SEEDS)])


class ProofConfig(dg.Config):
    """How large the worlds are."""

    size: str = Field(default="standard", description="standard, small (minutes) or tiny (teaches nothing).")


def assets() -> list[dg.AssetsDefinition]:
    """Both assets."""

    @dg.asset(
        partitions_def=_WORLDS,
        kinds={"python", "torch"},
        description="One miniature world: towers, a release made in it by this pipeline, and for every row of the "
        "comparison a small model that was taught by it and asked about images that it never saw.",
        group_name=GROUP,
        owners=OWNERS,
        required_resource_keys={"tools"},
        op_tags=_OP_TAGS,
    )
    def proof_scores(context: dg.AssetExecutionContext, config: ProofConfig) -> Iterator[dg.MaterializeResult[None]]:
        plan = _plan(context.resources.tools, config)

        def tell(text: str) -> None:
            heartbeat.beat()
            context.log.info(text)

        seed = int(context.partition_key.removeprefix("seed-"))
        found = experiment.world(plan, seed, tell)
        shown = {one["row"]: round(one["score"]["places"], 4) for one in found}
        yield dg.MaterializeResult(metadata={"size": config.size, "folder": str(plan.world(seed)), **shown})

    @dg.asset(
        deps=[proof_scores],
        kinds={"python", "markdown"},
        description="The comparison over all worlds that are finished: every way to train, as a table and a plot.",
        group_name=GROUP,
        owners=OWNERS,
        required_resource_keys={"tools"},
        op_tags=_OP_TAGS,
    )
    def proof_table(context: dg.AssetExecutionContext, config: ProofConfig) -> Iterator[dg.MaterializeResult[None]]:
        from unicorn_assets.defs.pictures import inline
        from unicorn_assets.proof import report

        plan = _plan(context.resources.tools, config)
        results = experiment.results(plan)
        if not results:
            raise dg.Failure(
                f"No row of the size {config.size} is finished. To mend it: materialize proof_scores first.",
                allow_retries=False,
            )
        folder = plan.folder / plan.size
        text = report.write(plan, results, experiment.gaps(plan), folder)
        yield dg.MaterializeResult(
            metadata={
                "table": dg.MetadataValue.md(text),
                "picture": inline((folder / report.PLOT).read_bytes(), "proof"),
                "folder": str(folder),
            }
        )

    return [proof_scores, proof_table]


def _plan(tools: Tools, config: ProofConfig) -> Plan:
    return Plan(tools.home.path / "proof", config.size, SEEDS, 1, 1)
