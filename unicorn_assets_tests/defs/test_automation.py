"""The schedules' looks: exactly what is due, never what is being made, and no more than a few tries."""

import json
import time
from unittest.mock import Mock

import dagster as dg
import pytest

from unicorn_assets import attempts, settings
from unicorn_assets.alerts import outbox
from unicorn_assets.defs import automation, instance, staleness
from unicorn_assets.defs.automation import WANTED, WHY, Look
from unicorn_assets.defs.build import build
from unicorn_assets.execution import requested
from unicorn_assets.execution.internals import PartitionBackfill
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages import freshness
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.graph import GRAPH, above_the_shards
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.doubles import HashEncoder


class Deployment:
    """A HOME with an instance, and what a look at it asks for."""

    def __init__(self, home, recipe, opened):
        self.home, self.recipe, self.instance = home, recipe, opened
        self.job = build(self.tools).get_repository_def().get_job("make_shards")

    @property
    def tools(self):
        return Tools(self.home, self.recipe, make_encoder=lambda chosen: HashEncoder())

    def make_sources(self):
        for name in above_the_shards(self.tools.recipe):
            make(GRAPH[name], self.tools, ALL, graph=GRAPH, run_id="test")

    def look(self, job="shards"):
        found = list(Look(self.home, self.instance, lambda home: self.tools).at(job, "now"))
        requests = [one for one in found if isinstance(one, dg.RunRequest)]
        skipped = [one.skip_message for one in found if isinstance(one, dg.SkipReason)]
        return requests, skipped

    def shards(self):
        return [request.partition_key for request in self.look()[0]]

    def run(self, request, status):
        tags = {**request.tags, "dagster/partition": request.partition_key}
        return self.instance.create_run_for_job(self.job, tags=tags, status=status)

    def alerts(self):
        with outbox.opened(self.home.state) as connection:
            return [json.loads(body) for (body,) in connection.execute("SELECT body FROM alerts")]

    def change(self, **values):
        self.recipe = self.recipe.model_copy(update={"curation": self.recipe.curation.model_copy(update=values)})
        self.home.adopt(self.recipe, change=True)


@pytest.fixture
def deployment(home, recipe):
    home.prepare()
    home.adopt(recipe)
    with dg.DagsterInstance.from_config(str(instance.prepare(home))) as opened:
        yield Deployment(home, recipe, opened)


def test_an_empty_home_gets_its_sources_while_the_shards_wait(deployment):
    requests, _ = deployment.look("sources")
    assert len(requests) == 1
    assert requests[0].partition_key is None
    assert "seed_sources is missing" in requests[0].tags[WHY]
    requests, skipped = deployment.look("shards")
    assert not requests
    assert "wait for" in skipped[0]
    assert deployment.look("release")[0] == []


def test_missing_shards_are_requested_up_to_the_cap_in_order(deployment):
    deployment.make_sources()
    settings.update(deployment.home.path, "schedule", shards_per_tick=2)
    assert deployment.shards() == ["shard-0000", "shard-0001"]
    requests, _ = deployment.look()
    assert requests[0].tags[WHY] == "caption_seeds is missing: not made yet"
    assert requests[0].run_key != requests[1].run_key


def test_what_is_fresh_is_not_requested_and_the_release_follows(deployment):
    materialize(deployment.home, deployment.recipe)
    for job in ("sources", "shards", "release"):
        assert deployment.look(job)[0] == []
    deployment.home.lake.sidecar_path("release", ALL).unlink()
    requests, _ = deployment.look("release")
    assert len(requests) == 1


def test_stale_shards_are_requested_with_the_reason_the_oldest_first(deployment):
    materialize(deployment.home, deployment.recipe, order=["shard-0002", "shard-0000", "shard-0001"])
    for shard, started in (("shard-0002", "2026-01-01"), ("shard-0000", "2026-01-02"), ("shard-0001", "2026-01-03")):
        path = deployment.home.lake.sidecar_path("curated_captions", shard)
        table = json.loads(path.read_text())
        table["run"]["started"] = f"{started}T00:00:00+00:00"
        path.write_text(json.dumps(table))
    deployment.change(min_words=41)
    deployment.make_sources()
    assert deployment.shards() == ["shard-0002", "shard-0000", "shard-0001"]
    assert "curation.min_words: 40 -> 41" in deployment.look()[0][0].tags[WHY]


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_shard_that_is_being_made_is_not_requested(deployment, status):
    deployment.make_sources()
    first, *_ = deployment.look()[0]
    deployment.run(first, dg.DagsterRunStatus[status])
    assert deployment.shards() == ["shard-0001", "shard-0002"]


def test_a_run_that_the_daemon_will_retry_counts_as_being_made(deployment):
    deployment.make_sources()
    first, *_ = deployment.look()[0]
    failed = deployment.run(first, dg.DagsterRunStatus.FAILURE)
    deployment.instance.add_run_tags(failed.run_id, {"dagster/will_retry": "true"})
    assert deployment.shards() == ["shard-0001", "shard-0002"]
    again = deployment.run(first, dg.DagsterRunStatus.SUCCESS)
    deployment.instance.add_run_tags(again.run_id, {"dagster/parent_run_id": failed.run_id})
    assert "shard-0000" in deployment.shards()


def test_a_retry_that_was_announced_and_never_came_holds_no_shard_for_ever(deployment, monkeypatch):
    """As that of a run whose backfill has ended: the daemon drops it."""
    deployment.make_sources()
    first, *_ = deployment.look()[0]
    failed = deployment.run(first, dg.DagsterRunStatus.FAILURE)
    deployment.instance.add_run_tags(failed.run_id, {"dagster/will_retry": "true"})
    monkeypatch.setattr(requested, "RETRY_STARTS_SECONDS", 0.0)
    assert "shard-0000" in deployment.shards()


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`")  # dagster's own
def test_a_shard_of_a_requested_backfill_is_not_requested(deployment):
    deployment.make_sources()
    graph = build(deployment.tools).resolve_asset_graph()
    backfill = PartitionBackfill.from_asset_partitions(
        backfill_id="clicked",
        asset_graph=graph,
        partition_names=["shard-0000", "shard-0002"],
        asset_selection=[dg.AssetKey(name) for name in automation.assets_of("shards", deployment.recipe)],
        backfill_timestamp=time.time(),
        tags={},
        dynamic_partitions_store=deployment.instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
    deployment.instance.add_backfill(backfill)
    assert deployment.shards() == ["shard-0001"]


def test_a_shard_that_failed_too_often_is_left_alone_and_told_once(deployment):
    deployment.make_sources()
    for _ in range(3):
        [request] = [one for one in deployment.look()[0] if one.partition_key == "shard-0001"]
        deployment.run(request, dg.DagsterRunStatus.FAILURE)
    for _ in range(3):
        assert deployment.shards() == ["shard-0000", "shard-0002"]
    [told] = deployment.alerts()
    assert (told["kind"], told["shard"], told["figures"]["failed"]) == ("gave_up", "shard-0001", 3)
    deployment.change(min_words=41)
    deployment.make_sources()
    assert "shard-0001" in deployment.shards()


def test_all_that_is_given_up_is_recorded_at_once(deployment, monkeypatch):
    """Each recording waits for the disk, and a look has a minute for thousands of shards."""
    deployment.make_sources()
    settings.update(deployment.home.path, "schedule", tries=1)
    for request in deployment.look()[0]:
        deployment.run(request, dg.DagsterRunStatus.FAILURE)
    recorded = Mock(wraps=outbox.record)
    monkeypatch.setattr(outbox, "record", recorded)
    assert deployment.shards() == []
    assert recorded.call_count == 1
    assert len(deployment.alerts()) == 3


def test_failed_shards_come_after_those_that_were_not_tried(deployment):
    deployment.make_sources()
    [request] = [one for one in deployment.look()[0] if one.partition_key == "shard-0000"]
    deployment.run(request, dg.DagsterRunStatus.FAILURE)
    assert deployment.shards() == ["shard-0001", "shard-0002", "shard-0000"]


def test_a_shard_that_was_made_after_all_gets_a_new_count(deployment):
    deployment.make_sources()
    requests = {one.partition_key: one for one in deployment.look()[0]}
    for _ in range(3):
        deployment.run(requests["shard-0001"], dg.DagsterRunStatus.FAILURE)
    assert "shard-0001" not in deployment.shards()
    for name in automation.assets_of("shards", deployment.recipe):
        make(GRAPH[name], deployment.tools, "shard-0001", graph=GRAPH, run_id="by hand")
    assert "shard-0001" not in deployment.shards()
    with attempts.opened(deployment.home.state) as tried:
        assert tried.count("shard-0001", requests["shard-0001"].tags[WANTED]) == 0
    for _ in range(3):  # and it breaks again, which is to be heard of again
        deployment.home.lake.sidecar_path("caption_seeds", "shard-0001").unlink(missing_ok=True)
        [request] = [one for one in deployment.look()[0] if one.partition_key == "shard-0001"]
        assert request.tags[WANTED] == requests["shard-0001"].tags[WANTED]
        deployment.run(request, dg.DagsterRunStatus.FAILURE)
    assert "shard-0001" not in deployment.shards()
    assert [told["figures"]["failed"] for told in deployment.alerts()] == [3, 3]


@pytest.mark.parametrize("job", ["sources", "release"])
def test_what_has_no_shards_gets_a_new_count_once_it_was_made(deployment, job):
    [request] = deployment.look("sources")[0]
    if job == "release":
        materialize(deployment.home, deployment.recipe)
        deployment.home.lake.sidecar_path("release", ALL).unlink()
        [request] = deployment.look("release")[0]
    made = build(deployment.tools).get_repository_def().get_job(f"make_{job}")
    for _ in range(2):
        deployment.instance.create_run_for_job(made, tags=request.tags, status=dg.DagsterRunStatus.FAILURE)
    deployment.look(job)
    wanted = request.tags[WANTED]
    with attempts.opened(deployment.home.state) as tried:
        assert tried.count(job, wanted) == 2
    materialize(deployment.home, deployment.recipe)
    deployment.look(job)
    with attempts.opened(deployment.home.state) as tried:
        assert tried.count(job, wanted) == 0
    deployment.look(job)  # which finds the failed runs in Dagster's history once more
    with attempts.opened(deployment.home.state) as tried:
        assert (tried.count(job, wanted), tried.partitions()) == (0, set())
        tried.clear(time.time() + 1)
        tried.failed("another", job, wanted, time.time())
        assert tried.count(job, wanted) == 1


def test_nothing_is_requested_while_unicorn_run_is_at_work(deployment):
    with deployment.home.lock():
        requests, skipped = deployment.look("sources")
    assert not requests
    assert "unicorn run" in skipped[0]


@pytest.mark.parametrize(
    ("engine", "chosen", "on"),
    [("rules", None, True), ("openai", None, False), ("openai", True, True), ("rules", False, False)],
)
def test_schedules_are_on_by_default_where_nothing_costs_money(home, recipe, engine, chosen, on):
    home.prepare()
    if chosen is not None:
        settings.update(home.path, "schedule", on=chosen)
    changed = recipe.model_copy(update={"engine": recipe.engine.model_copy(update={"kind": engine, "model": "m"})})
    for schedule in automation.schedules(Tools(home, changed)):
        assert (schedule.default_status == dg.DefaultScheduleStatus.RUNNING) is on


@pytest.mark.parametrize(("asked", "on"), [(True, False), (False, True)])
def test_schedules_are_off_by_default_where_probes_cost_money(home, recipe, asked, on):
    home.prepare()
    probing = {"round_trip": asked, "engine": {"kind": "openai", "model": "m"}}
    changed = recipe.model_validate(recipe.model_dump() | {"probing": probing})
    for schedule in automation.schedules(Tools(home, changed)):
        assert (schedule.default_status == dg.DefaultScheduleStatus.RUNNING) is on


def test_staleness_is_shown_at_the_assets_once_a_change(deployment):
    materialize(deployment.home, deployment.recipe)

    def report():
        return staleness.report(deployment.instance, deployment.home, freshness.states(deployment.tools, UPSTREAM))

    assert report() == []
    deployment.change(min_words=41)
    assert "curated_captions" in report()
    assert "expanded_captions" not in report()
    assert report() == []
    [record] = deployment.instance.fetch_observations(dg.AssetKey("curated_captions"), limit=5).records
    observed = record.asset_observation
    assert "3 of 3 not fresh" in observed.description
    reasons = observed.metadata["why"].records
    assert "curation.min_words: 40 -> 41" in reasons[0].data["why"]
    materialize(deployment.home, deployment.recipe)
    assert "curated_captions" in report()
    latest = deployment.instance.fetch_observations(dg.AssetKey("curated_captions"), limit=1).records[0]
    assert latest.asset_observation.description == "All fresh."


def test_no_job_comes_before_dagsters_own_in_the_order_of_names(deployment):
    names = [job.name for job in build(deployment.tools).get_repository_def().get_all_jobs()]
    assert sorted(names)[0] == "__ASSET_JOB"
