"""A server on a small home, a browser, and what was clicked there, each made once for all tests that look at it."""

from contextlib import ExitStack

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.home import Home
from unicorn_assets_tests.alerts.servers import HttpEndpoint
from unicorn_assets_tests.browser import clicks
from unicorn_assets_tests.browser.chromium import SCREENSHOTS, chromium, quiet_page
from unicorn_assets_tests.serving import free_port, served

HOOK = "UNICORN_TEST_HOOK"
RUN_SECONDS, BACKFILL_SECONDS = 180, 420


class Server:
    """`unicorn dev` on one home and port, which can be stopped and started again."""

    def __init__(self, home, hook):
        self.home, self._hook = home, hook
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self._running = ExitStack()
        self._deployment = None

    def start(self):
        self._deployment = self._running.enter_context(served(self.home, self.port, env={HOOK: self._hook}))

    def stop(self):
        self._running.close()

    def runs(self):
        """Status of all runs by id."""
        return self._deployment.runs()

    def ended(self, run):
        """The status of a run, known by the beginning of its id, once it has ended."""
        found = [full for full in self.runs() if full.startswith(run)]
        return self._deployment.wait_run(found[0], RUN_SECONDS)

    def backfilled(self, backfill):
        """The status of a backfill once it has ended."""
        return self._deployment.wait_backfill(backfill, BACKFILL_SECONDS)


def small_recipe():
    """The demo recipe with 5 shards, small where no pictures are wanted."""
    table = recipes.load("demo").model_dump()
    if not SCREENSHOTS:
        table["seeds"]["sources"][0]["draw"], table["seeds"]["sources"][1]["draw"] = 40, 20
        table["alignment"]["sample"] = 16
    table["shards"] = 5
    return recipes.Recipe.model_validate(table)


@pytest.fixture(scope="module")
def webhook():
    """An endpoint for alerts."""
    with HttpEndpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def server(tmp_path_factory, webhook):
    """A server on a home where nothing is made yet, and nothing is made by itself."""
    home = Home(tmp_path_factory.mktemp("ui") / "home")
    home.prepare()
    home.adopt(small_recipe())
    settings.update(home.path, "schedule", on=False)
    server = Server(home, webhook.url)
    route = {"name": "hook", "kind": "webhook", "address_env": HOOK, "severities": ["ERROR", "WARN"]}
    settings.update(home.path, "alerts", routes=[route], interval_seconds=2, web_url=server.base)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def browser():
    """A browser."""
    with chromium() as context:
        yield context


@pytest.fixture
def page(browser):
    """A page whose console must stay free of errors."""
    with quiet_page(browser) as page:
        yield page


@pytest.fixture(scope="module")
def one_shard(server, browser):
    """The run that made shard-0000, clicked after those of the unpartitioned assets above it."""
    with quiet_page(browser) as page:
        for asset in ("seed_sources", "modality_alignment"):
            assert server.ended(clicks.materialize(page, server.base, asset)) == "SUCCESS"
        dialog = clicks.choose_sharded(page, server.base)
        clicks.choose_shard(page, dialog, "shard-0000")
        dialog.get_by_role("button", name="Launch 1 run").click()
        run = clicks.launched(page, "Launched run")
        assert server.ended(run) == "SUCCESS"
        return run


@pytest.fixture(scope="module")
def four_shards(server, browser, one_shard):
    """The backfill that made the four shards that were still missing."""
    with quiet_page(browser) as page:
        dialog = clicks.choose_sharded(page, server.base)
        dialog.get_by_role("button", name="Missing", exact=True).click()
        dialog.get_by_text("4 partitions").wait_for()
        dialog.get_by_role("button", name="Launch backfill").click()
        backfill = clicks.launched(page, "Created backfill")
        assert server.backfilled(backfill) == "COMPLETED_SUCCESS"
        return backfill


@pytest.fixture(scope="module")
def released(server, browser, four_shards):
    """The run that made the release, after those that made the selection."""
    with quiet_page(browser) as page:
        for name in ("near_duplicates", "selection"):
            assert server.ended(clicks.materialize(page, server.base, name)) == "SUCCESS"
        run = clicks.materialize(page, server.base, "release")
        assert server.ended(run) == "SUCCESS"
        return run


@pytest.fixture(scope="module")
def traced(server, browser, released):
    """The id of a sample that was traced by clicking."""
    with quiet_page(browser) as page:
        sample, run = clicks.trace(page, server.base, "pretrain_dataset")
        assert server.ended(run) == "SUCCESS"
        return sample
