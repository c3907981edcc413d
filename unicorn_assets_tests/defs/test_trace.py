"""The job `trace` on a real instance: what it tells, where, and that it makes and troubles nothing."""

from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
import yaml

from unicorn_assets.alerts import outbox
from unicorn_assets.defs import instance, trace
from unicorn_assets.defs.build import build
from unicorn_assets.execution.internals import DATA_VERSION_TAG
from unicorn_assets.identity import shard_name, shard_number
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages import story, tracing
from unicorn_assets_tests.conftest import data_files, materialize
from unicorn_assets_tests.defs.test_history import alerts, look

FIRST = "shard-0000"


@pytest.fixture
def made(home, recipe):
    """The home with everything made, without Dagster."""
    strict = recipe.model_copy(update={"curation": recipe.curation.model_copy(update={"min_words": 90})})
    materialize(home, strict)
    return strict


@pytest.fixture
def dagster(home, made):
    with dg.DagsterInstance.from_config(str(instance.prepare(home)), instance.COMMAND_FILE) as opened:
        yield opened


@pytest.fixture
def launch(tools, dagster):
    """Runs the job as its launchpad would, and gives the result and the observations."""
    job = build(tools).resolve_job_def(trace.NAME)

    def run(**config):
        result = job.execute_in_process(run_config=config, instance=dagster, raise_on_error=False)
        events = dagster.all_logs(result.run_id)
        seen = [one.dagster_event.asset_observation_data.asset_observation for one in events if observed(one)]
        return result, seen, [one.user_message for one in events]

    return run


def observed(entry):
    return entry.is_dagster_event and entry.dagster_event.event_type == dg.DagsterEventType.ASSET_OBSERVATION


def first_id(home, stage):
    return next(read_rows(home.lake.rows(stage, FIRST), ["id"]))["id"]


def test_the_story_stands_at_the_asset_that_holds_the_sample_and_in_the_log(home, recipe, launch):
    sample = first_id(home, "instruction_dataset")
    result, [seen], log = launch(id=sample)
    assert result.success
    assert (seen.asset_key.to_user_string(), seen.partition) == ("instruction_dataset", FIRST)
    assert seen.description == f"The story of sample {sample}."
    found = tracing.asked(home, recipe, sample)
    assert story.plain(found) in log
    told = seen.metadata["story"].md_str
    heads = [head for head, _ in story.parts(found)]
    assert len(heads) >= 10
    for head, lines in story.parts(found):
        for text in (head, *lines):
            assert " ".join(text.split()) in told.replace("\\", "")
    assert told.count("\n- ") == sum(len(lines) for _, lines in story.parts(found))


def test_the_text_of_a_seed_will_do(home, launch):
    row = next(read_rows(home.lake.rows("caption_seeds", FIRST)))
    _, [seen], _ = launch(id=f"  {row['seed']}\n")
    assert seen.metadata["sample"].value == row["id"]


def test_what_fell_out_is_told_where_it_fell(home, launch):
    fell = next(read_rows(home.lake.set_aside("curated_captions", FIRST)))
    _, [seen], _ = launch(id=fell["id"])
    assert (seen.asset_key.to_user_string(), seen.partition) == ("curated_captions", FIRST)
    assert "- reason: too\\_short" in seen.metadata["story"].md_str


def test_what_stands_in_an_old_release_alone_is_told_at_the_release():
    released = [{"release": "releases/demo/0123456789abcdef", "tables": {"pretrain": 3}}]
    found = {"id": "a" * 20, "withdrawn": [], "stages": [{"stage": "seed_sources", "outcome": "absent"}]}
    seen = trace.observation(found | {"released_in": released})
    assert (seen.asset_key.to_user_string(), seen.partition) == ("release", None)
    assert "pretrain row 3" in seen.metadata["story"].md_str


def test_an_unknown_id_is_one_clear_error_and_nobody_is_alerted(home, launch, dagster):
    result, seen, _ = launch(id="0" * 20)
    assert (result.success, seen) == (False, [])
    [failed] = [event for event in result.all_events if event.is_step_failure]
    said = failed.step_failure_data.user_failure_data.description
    assert said.startswith(f"HOME {home.path} holds no sample with the id {'0' * 20}.\n")
    assert "To mend it: check the id" in said
    with outbox.opened(home.state) as connection:
        assert (look(connection, dagster).new, alerts(connection)) == (0, [])


def test_without_an_id_it_does_not_start(launch):
    with pytest.raises(dg.DagsterInvalidConfigError, match='Missing required config entry "id"'):
        launch()


def test_it_makes_nothing_and_gives_no_data_version(home, launch, dagster):
    before = data_files(home)
    result, [seen], _ = launch(id=first_id(home, "pretrain_dataset"))
    kinds = {event.event_type for event in result.all_events}
    assert not kinds & {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    assert DATA_VERSION_TAG not in (seen.tags or {})
    assert data_files(home) == before
    assert dagster.get_latest_materialization_event(seen.asset_key) is None


@pytest.mark.parametrize("sample", ["0" * 20, "12345678901234567890", "1e234567890123456789", "abcdef01234567890123"])
def test_the_launchpad_is_filled_in_with_an_id_that_stays_a_text(sample):
    path = urlsplit(trace.launchpad(sample))
    assert path.path == "/locations/unicorn_assets/jobs/trace/playground/setup"
    assert yaml.safe_load(parse_qs(path.query)["config"][0]) == {"id": sample}


def test_texts_cannot_break_the_markdown():
    row = {"row": {"caption": "# <b>A</b> | `x`\n- [y](z) *w*"}}
    step = {"stage": "expanded_captions", "shard": shard_name(shard_number("a" * 20, 3)), "outcome": "kept"} | row
    made_by = {"decided_by": {}, "inputs": {}, "checks": {}, "run_id": "r", "started": "s", "fingerprint": "f"}
    found = {"id": "a" * 20, "withdrawn": [], "stages": [step | {"made_by": made_by}], "released_in": []}
    line = next(one for one in trace.markdown(found).splitlines() if "caption:" in one)
    assert line == "- caption: \\# \\<b\\>A\\</b\\> \\| \\`x\\` - \\[y\\](z) \\*w\\*"
