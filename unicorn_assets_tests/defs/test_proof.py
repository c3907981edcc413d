"""The proof's assets: one world a partition, resumable, and a table over what is finished."""

import dagster as dg
import pytest

from unicorn_assets.defs.proof import assets
from unicorn_assets_tests.stages.with_images import tools_for

TINY = {"config": {"size": "tiny"}}


def materialize(tools, name, partition=None, raise_on_error=True):
    wanted = [asset for asset in assets() if asset.key == dg.AssetKey(name)]
    return dg.materialize(
        assets(),
        selection=wanted,
        partition_key=partition,
        resources={"tools": tools},
        run_config={"ops": {name: TINY}},
        raise_on_error=raise_on_error,
    )


def shown(result):
    [event] = result.get_asset_materialization_events()
    return event.materialization.metadata


@pytest.mark.timeout(300)
def test_a_world_is_made_once_and_the_table_shows_it(home, recipe):
    tools = tools_for(home, recipe)
    none = materialize(tools, "proof_table", raise_on_error=False)
    assert not none.success
    [failure] = none.get_step_failure_events()
    assert "materialize proof_scores first" in failure.step_failure_data.user_failure_data.description

    first = shown(materialize(tools, "proof_scores", "seed-1"))
    rows = home.path / "proof" / "tiny" / "seed-1" / "rows"
    made = {path.name: path.stat().st_mtime_ns for path in rows.iterdir()}
    again = shown(materialize(tools, "proof_scores", "seed-1"))
    assert made == {path.name: path.stat().st_mtime_ns for path in rows.iterdir()}
    assert again == first
    assert 0 <= first["matched"].value <= 1

    table = shown(materialize(tools, "proof_table"))
    assert "| `matched` (ours): the release |" in table["table"].value
    assert "data:image/png;base64," in table["picture"].value


def test_no_schedule_asks_for_the_proof(home, recipe):
    from unicorn_assets.defs.build import build

    definitions = build(tools_for(home, recipe))
    for job in ("make_sources", "make_shards", "make_release"):
        nodes = {node.name for node in definitions.resolve_job_def(job).nodes}
        assert not nodes & {"proof_scores", "proof_table"}
