"""Whoever looks something up in the web UI does not wait for shards that are at work, however many are queued."""

import time
from collections import Counter

from unicorn_assets.defs.instance import LEAST_RUNS
from unicorn_assets_tests.defs.waiting_jobs import OPEN, SHARDS
from unicorn_assets_tests.serving import served

LOCATION = "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"
LAUNCH = """
mutation($location: String!, $job: String!, $assets: [AssetKeyInput!], $tags: [ExecutionTag!]) {
  launchRun(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: $location, jobName: $job,
      assetSelection: $assets},
    runConfigData: "{}", executionMetadata: {tags: $tags}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""


def test_a_look_goes_ahead_of_queued_shards(home, tmp_path):
    home.prepare()
    gate = tmp_path / "open"
    with served(home, how="module:unicorn_assets_tests.defs.waiting_jobs", env={OPEN: str(gate)}) as deployment:
        [node] = deployment.ask(LOCATION)["repositoriesOrError"]["nodes"]

        def launch(job, assets=None, tags=()):
            asked = {"location": node["location"]["name"], "job": job, "assets": assets, "tags": list(tags)}
            return deployment.ask(LAUNCH, **asked)["launchRun"]["run"]["runId"]

        shards = [
            launch("__ASSET_JOB", [{"path": ["waiting"]}], [{"key": "dagster/partition", "value": shard}])
            for shard in SHARDS
        ]
        deadline = time.monotonic() + 90
        while (there := Counter(deployment.runs().values()))["STARTED"] < LEAST_RUNS:
            assert time.monotonic() < deadline, there
            time.sleep(0.5)
        assert deployment.wait_run(launch("look"), 60) == "SUCCESS"
        found = Counter(deployment.runs()[run] for run in shards)
        assert found == {"STARTED": LEAST_RUNS, "QUEUED": len(SHARDS) - LEAST_RUNS}
        gate.touch()
        assert {deployment.wait_run(run) for run in shards} == {"SUCCESS"}
