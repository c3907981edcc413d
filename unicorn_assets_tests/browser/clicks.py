"""What a person does in the web UI. Nothing here asks the server behind the browser's back."""

import re

SHARDED = '(key:"caption_seeds"+) and not (key:"near_duplicates"+)'
NODE = '[class*="AssetNode_assetName"]'


def open_graph(page, base, *, wide=False):
    """The graph of all assets by the navigation, its groups opened; `wide` puts away what stands beside it."""
    page.goto(base)
    page.get_by_role("link", name="Lineage").click()
    page.locator("svg").get_by_text("datasets", exact=True).wait_for()
    if wide:
        page.get_by_text("Hide navigation").click()
        page.locator("button:has([aria-label='panel_show_right'])").first.click()
    page.keyboard.press("Alt+e")
    page.locator(NODE).first.wait_for()


def node(page, name):
    """A node of the graph; the middle of a long name is left out there."""
    start, end = re.escape(name[:5]), re.escape(name[-8:])
    return page.locator(NODE).filter(has_text=re.compile(f"^({re.escape(name)}|{start}.*….*{end})$"))


def choose_sharded(page, base):
    """The graph of the sharded assets alone, and the dialog that materializes all of them."""
    page.goto(f"{base}/asset-groups")
    page.locator("svg").get_by_text("datasets", exact=True).wait_for()
    page.locator(".CodeMirror").click()
    page.keyboard.type(SHARDED)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("caption_seeds"))
    page.locator("svg").get_by_text("datasets", exact=True).wait_for()
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Launch runs to materialize 8 assets").wait_for()
    return dialog


def choose_shard(page, dialog, shard):
    """Ticks a shard in the dialog's list, and closes the list, which opens over the dialog where there is room."""
    dialog.get_by_text("Select a partition or create one").click()
    page.get_by_role("menuitem", name=shard).click()
    searched = page.get_by_placeholder("Filter partitions")
    searched.press("Escape")
    searched.wait_for(state="hidden")


def launched(page, what):
    """The id in the note that something was launched; of a run, its first characters."""
    note = page.get_by_text(re.compile(rf"^{what} \w+"))
    return note.inner_text().split()[-1]


def materialize(page, base, asset):
    """Materializes an unpartitioned asset from its page; returns the beginning of the run's id."""
    page.goto(f"{base}/assets/{asset}")
    page.get_by_role("button", name=re.compile("Materialize$")).click()
    return launched(page, "Launched run")


def open_tab(page, base, asset, tab):
    """A tab of an asset's page."""
    page.goto(f"{base}/assets/{asset}")
    page.get_by_role("tab", name=tab).or_(page.get_by_role("link", name=tab, exact=True)).first.click()


def trace(page, base, asset):
    """Traces the row that an asset's latest materialization names, by its link; returns the row's id and the run's."""
    open_tab(page, base, asset, "Events")
    page.get_by_role("link", name="the job trace").first.click()
    page.wait_for_url(re.compile(r"/jobs/trace/playground$"))
    filled = page.locator(".CodeMirror").filter(has_text=re.compile("id"))
    sample = re.search(r'"([0-9a-f]{20})"', filled.inner_text()).group(1)
    page.get_by_role("button", name="Launch Run").click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    return sample, re.search(r"/runs/([0-9a-f-]{36})", page.url).group(1)
