"""See the graph, materialize a shard, backfill four, see checks and figures, and find it all again after a restart.

Whichever executor runs the steps, people see the same. Every page fails its test if its console shows an error.
"""

import re
import time

import pytest

from unicorn_assets.identity import shard_names
from unicorn_assets.stages import tracing
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets_tests.browser import clicks
from unicorn_assets_tests.browser.chromium import EXECUTABLE, MISSING, screenshot

pytestmark = [pytest.mark.skipif(EXECUTABLE is None, reason=MISSING), pytest.mark.timeout(900)]

SHARDED = [name for name, stage in GRAPH.items() if stage.sharded]

PROOF = ("proof_scores", "proof_table")

MATERIALIZED = "rgba(46,204,129,1)"
"""Green, the border of a node that is materialized as a whole."""
ALL_HAVE_COLOUR = """([node, count, colour]) => {
  const boxes = [...document.querySelectorAll(node)].map(name => getComputedStyle(name.parentElement));
  return boxes.filter(box => box.getPropertyValue("--minimal-border") === colour).length === count;
}"""


def row(page, key):
    """A row of a table of metadata."""
    return page.get_by_role("row").filter(has=page.get_by_text(key, exact=True))


def test_the_graph_shows_every_asset_and_says_what_it_is(server, page):
    clicks.open_graph(page, server.base)
    for name in (*GRAPH, *PROOF):
        clicks.node(page, name).wait_for()
    assert page.locator(clicks.NODE).count() == len(GRAPH) + len(PROOF)
    clicks.node(page, "seed_sources").click()
    page.get_by_text("The short captions that everything starts from").wait_for()


def test_columns_are_explained_before_anything_is_made(server, page):
    page.goto(f"{server.base}/assets/pretrain_dataset")
    page.get_by_text("The sample as LLaVA has it").wait_for()


def test_one_shard_by_clicking(server, page, one_shard):
    for stage in SHARDED:
        assert server.home.lake.need(stage, "shard-0000").run.run_id.startswith(one_shard)
    page.goto(f"{server.base}/runs")
    page.get_by_role("link", name=one_shard).first.wait_for()
    page.get_by_text("partition: shard-0000").first.wait_for()


def test_four_shards_by_one_backfill(server, page, four_shards):
    for shard in shard_names(5):
        for stage in SHARDED:
            assert not server.home.lake.need(stage, shard).blocked_by
    page.goto(f"{server.base}/runs/b/{four_shards}")
    page.get_by_text("Completed").first.wait_for()
    clicks.open_tab(page, server.base, "instruction_dataset", "Partitions")
    page.get_by_text("Materialized (5)").wait_for()


def test_a_materialization_shows_what_the_shard_looks_like(server, page, four_shards):
    page.set_viewport_size({"width": 1400, "height": 1640})
    clicks.open_tab(page, server.base, "curated_captions", "Events")
    row(page, "dagster/partition_row_count").wait_for()
    assert "caption:" in row(page, "sample_rows").inner_text()
    assert "█" in row(page, "lengths").inner_text()
    assert re.search(r"0\.\d+", row(page, "distinct_2").inner_text())
    assert "The most common beginnings" in row(page, "openings").inner_text()
    assert row(page, "rows_per_second").count() == 1
    screenshot(page, "materialization")


def test_numbers_are_plotted_over_the_shards(server, page, four_shards):
    page.goto(f"{server.base}/assets/curated_captions")
    page.get_by_role("button", name="Plots").click()
    page.get_by_text("dagster/partition_row_count", exact=True).wait_for()
    page.get_by_text("distinct_2", exact=True).wait_for()
    assert page.locator("canvas").count() >= 5


def test_the_alignment_shows_its_picture(server, page, one_shard):
    page.set_viewport_size({"width": 1400, "height": 1000})
    clicks.open_tab(page, server.base, "modality_alignment", "Events")
    row(page, "gap/omega").wait_for()
    assert float(row(page, "gap/mean_cosine_before").inner_text().split()[-1]) > 0.1
    row(page, "picture").get_by_text("[Show Markdown]").click()
    picture = page.get_by_role("dialog").get_by_role("img", name="PCA before and after")
    picture.wait_for()
    assert picture.evaluate("picture => picture.complete && picture.naturalWidth") > 600
    page.get_by_text("No image was looked at").wait_for()
    screenshot(page, "alignment")


def test_checks_show_their_results(server, page, four_shards):
    clicks.open_tab(page, server.base, "synthetic_image_embeddings", "Checks")
    page.get_by_text("no_drift").first.click()
    page.get_by_text("The shard's texts still lie around the mean").wait_for()
    page.get_by_text("Passed", exact=True).wait_for()
    page.get_by_text("expected_share", exact=True).first.wait_for()
    for check in GRAPH["synthetic_image_embeddings"].checks:
        page.get_by_text(check.name, exact=True).first.wait_for()
    screenshot(page, "checks")


def test_a_warning_is_seen_as_one(server, page, one_shard):
    clicks.open_tab(page, server.base, "modality_alignment", "Checks")
    page.get_by_text("enough_samples").first.click()
    page.get_by_text("The fit stands on at least 10,000 captions").wait_for()
    page.get_by_text("Failed", exact=True).last.wait_for()
    page.locator("[aria-label^='warning']").first.wait_for()


def test_its_alert_arrives_with_a_link_to_its_run(server, page, webhook, one_shard):
    deadline = time.monotonic() + 60
    while not (found := [alert for request in webhook.requests for alert in request.json["alerts"]]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    [alert] = [one for one in found if one["asset"] == "modality_alignment"]
    assert (alert["kind"], alert["severity"], alert["check"]) == ("check_failed", "WARN", "enough_samples")
    assert alert["figures"]["settled_at"] == 10_000
    page.goto(alert["run_url"])
    page.get_by_text("enough_samples").first.wait_for()
    page.goto(f"{server.base}/automation")
    for name in ("alerts", "fresh_sources", "fresh_shards", "fresh_release"):
        page.get_by_role("link").filter(has=page.get_by_text(name, exact=True)).wait_for()


def test_the_release_shows_its_counts_card_and_folder(server, page, released):
    clicks.open_tab(page, server.base, "release", "Events")
    assert int(row(page, "rows/pretrain").inner_text().split()[-1]) > 0
    row(page, "folder").get_by_text(str(server.home.releases / "demo")).wait_for()
    row(page, "card").get_by_text("[Show Markdown]").click()
    page.get_by_role("dialog").get_by_role("heading", name="What became of every row").wait_for()


def test_a_sample_is_traced_from_a_materialization_and_its_story_stands_at_its_asset(server, page, traced):
    page.set_viewport_size({"width": 1400, "height": 1000})
    steps = tracing.told(server.home, server.home.recipe(), traced)["stages"]
    holder = [step["stage"] for step in steps if step["outcome"] != "absent"][-1]
    clicks.open_tab(page, server.base, holder, "Events")
    page.get_by_text(f"The story of sample {traced}").wait_for()
    row(page, "story").get_by_text("[Show Markdown]").click()
    story = page.get_by_role("dialog")
    story.get_by_text(f"sample {traced}", exact=True).wait_for()
    story.get_by_text("caption_seeds [").wait_for()
    [caption] = [step["row"]["caption"] for step in steps if step["stage"] == "expanded_captions"]
    story.get_by_text(caption[:60]).wait_for()
    screenshot(page, "trace")


def test_a_green_graph(server, page, traced):
    page.set_viewport_size({"width": 1600, "height": 720})
    clicks.open_graph(page, server.base, wide=True)
    page.wait_for_function(ALL_HAVE_COLOUR, arg=[clicks.NODE, len(GRAPH), MATERIALIZED])
    screenshot(page, "graph")


def test_history_survives_a_restart(server, browser, released, four_shards, one_shard, request):
    before = server.runs()
    server.stop()
    server.start()
    assert server.runs() == before
    page = request.getfixturevalue("page")
    page.goto(f"{server.base}/runs")
    for found in (one_shard, four_shards, released):
        page.get_by_role("link", name=found).first.wait_for()
    clicks.open_tab(page, server.base, "curated_captions", "Partitions")
    page.get_by_text("Materialized (5)").wait_for()
