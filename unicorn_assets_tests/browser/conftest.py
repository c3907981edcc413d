"""A server on a small home, a browser, and what was clicked there, each made once for all tests that look at it."""

import socket
import time
from contextlib import ExitStack

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets_tests.browser import clicks
from unicorn_assets_tests.browser.chromium import SCREENSHOTS, chromium, quiet_page
from unicorn_assets_tests.test_web_ui import RUNS, ask, served

BACKFILL = "query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
RUN_SECONDS, BACKFILL_SECONDS = 180, 420


class Server:
    """`unicorn dev` on one home and port, which can be stopped and started again."""

    def __init__(self, home):
        self.home = home
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self._running = ExitStack()

    def start(self):
        self._running.enter_context(served(self.home, self.port))

    def stop(self):
        self._running.close()

    def runs(self):
        """Status of all runs by id."""
        return {run["runId"]: run["status"] for run in ask(self.port, RUNS)["runsOrError"]["results"]}

    def ended(self, run):
        """The status of a run, known by the beginning of its id, once it has ended."""

        def status():
            return next((status for full, status in self.runs().items() if full.startswith(run)), None)

        return wait_for(status, ENDED, RUN_SECONDS)

    def backfilled(self, backfill):
        """The status of a backfill once it has ended."""

        def status():
            return ask(self.port, BACKFILL, id=backfill)["partitionBackfillOrError"]["status"]

        return wait_for(status, ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "CANCELED", "FAILED"), BACKFILL_SECONDS)


def wait_for(look, wanted, seconds):
    deadline = time.monotonic() + seconds
    while (found := look()) not in wanted:
        assert time.monotonic() < deadline, f"still {found} after {seconds} s"
        time.sleep(0.5)
    return found


def small_recipe():
    """The demo recipe with 5 shards, small where no pictures are wanted."""
    table = recipes.load("demo").model_dump()
    if not SCREENSHOTS:
        table["seeds"]["sources"][0]["draw"], table["seeds"]["sources"][1]["draw"] = 40, 20
        table["alignment"]["sample"] = 16
    table["shards"] = 5
    return recipes.Recipe.model_validate(table)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on a home where nothing is made yet."""
    home = Home(tmp_path_factory.mktemp("ui") / "home")
    home.prepare()
    home.adopt(small_recipe())
    server = Server(home)
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
    """The run that made the release."""
    with quiet_page(browser) as page:
        run = clicks.materialize(page, server.base, "release")
        assert server.ended(run) == "SUCCESS"
        return run
