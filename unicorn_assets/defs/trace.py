"""The job `trace`: a sample's whole story in the web UI, in the run's log and at the asset that holds the sample.

It reads and makes nothing: an observation without a data version leaves every asset as fresh as it was. It runs in its
run's own process, so it waits for no lane and no device.
"""

from typing import Any
from urllib.parse import urlencode

import dagster as dg
from pydantic import Field

from unicorn_assets.defs.instance import LOCATION
from unicorn_assets.defs.values import escaped
from unicorn_assets.errors import UnicornError
from unicorn_assets.execution import tags
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages import story, tracing
from unicorn_assets.stages.release import RELEASE
from unicorn_assets.stages.tools import Tools

NAME = "trace"
DESCRIPTION = """\
Where a sample came from, what each stage made of it or why it fell out, and which releases carry it.

Open the *Launchpad*, write `id: "…"` with the sample's id (20 hexadecimal digits) or the text of its seed, and launch.
The story then stands in the run's log, and as `story` among the events of the asset that the sample reached last.
Nothing is made, asked or changed. `unicorn trace` tells the same in a terminal.
"""


class TraceConfig(dg.Config):
    """What is to be traced."""

    id: str = Field(description="The sample's id (20 hexadecimal digits), or the text of its seed.")


def launchpad(sample: str) -> str:
    """The path in the web UI of the job's launchpad, filled in with a sample's id."""
    config = urlencode({"config": f'id: "{sample}"'})
    return f"/locations/{LOCATION}/jobs/{NAME}/playground/setup?{config}"


def job() -> dg.JobDefinition:
    """The job."""

    @dg.op(description="Tells the story of one sample.", required_resource_keys={"tools"})
    def sample(context: dg.OpExecutionContext, config: TraceConfig) -> None:
        tools: Tools = context.resources.tools
        try:
            found = tracing.asked(tools.home, tools.home.recipe() or tools.recipe, config.id.strip())
        except UnicornError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        context.log_event(observation(found))
        context.log.info(story.plain(found))

    @dg.config_mapping
    def asked(config: TraceConfig) -> dict[str, Any]:
        return {"ops": {"sample": {"config": {"id": config.id}}}}

    @dg.job(
        name=NAME,
        description=DESCRIPTION,
        config=asked,
        executor_def=dg.in_process_executor,
        tags={tags.LOOK: "true"},
    )
    def trace() -> None:
        sample()

    return trace


def observation(found: dict[str, Any]) -> dg.AssetObservation:
    """The story as an observation of the asset that the sample reached last: the furthest that has a word on it."""
    reached = [step for step in found["stages"] if step["outcome"] != "absent"]
    stage, shard = (reached[-1]["stage"], reached[-1]["shard"]) if reached else (RELEASE.name, ALL)
    return dg.AssetObservation(
        asset_key=stage,
        partition=None if shard == ALL else shard,
        description=f"The story of sample {found['id']}.",
        metadata={"sample": found["id"], "story": dg.MetadataValue.md(markdown(found))},
    )


def markdown(found: dict[str, Any]) -> str:
    """The story as Markdown: what is written in texts shows as it is."""
    told = []
    for head, lines in story.parts(found):
        told.append("\n".join([f"**{escaped(head)}**", "", *(f"- {escaped(' '.join(one.split()))}" for one in lines)]))
    return "\n\n".join(one.strip() for one in told)
