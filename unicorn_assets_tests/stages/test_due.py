"""What is due: what is missing or stale, with the cause, the oldest first; the release last of all."""

import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.layout import ALL
from unicorn_assets.probing import Probing
from unicorn_assets.stages import freshness
from unicorn_assets.stages.corpus import UPSTREAM, upstream
from unicorn_assets.stages.due import NEVER, backlog
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.doubles import HashEncoder


def due(home, recipe):
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    return backlog(tools, freshness.states(tools, UPSTREAM))


def test_of_an_empty_home_the_sources_come_first(home, recipe):
    home.prepare()
    found = due(home, recipe)
    assert found.sources.stage == "seed_sources"
    assert [one.shard for one in found.shards] == ["shard-0000", "shard-0001", "shard-0002"]
    assert {one.since for one in found.shards} == {NEVER}
    assert found.release is None


def test_nothing_is_due_after_a_whole_run(home, recipe):
    materialize(home, recipe)
    found = due(home, recipe)
    assert (found.sources, list(found.shards), found.release) == (None, [], None)


def test_a_changed_filter_makes_shards_due_and_says_why(home, recipe):
    materialize(home, recipe)
    changed = recipe.model_copy(update={"curation": recipe.curation.model_copy(update={"min_words": 60})})
    home.adopt(changed, change=True)
    found = due(home, changed)
    assert len(found.shards) == 3
    assert found.shards[0].stage == "curated_captions"
    assert "curation.min_words: 40 -> 60" in found.shards[0].why
    assert found.sources.stage == "modality_alignment"


def test_another_recipe_is_another_count_of_tries(home, recipe):
    home.prepare()
    before = due(home, recipe).shards[0].wanted
    assert due(home, recipe).shards[0].wanted == before
    changed = recipe.model_copy(update={"curation": recipe.curation.model_copy(update={"min_words": 60})})
    assert due(home, changed).shards[0].wanted != before


def test_probes_that_are_missing_hold_no_release_back(home, recipe):
    materialize(home, recipe)
    probed = recipe.model_copy(update={"probing": Probing(round_trip=True)})
    home.adopt(probed, change=True)
    next(iter(home.releases.rglob("manifest.json"))).unlink()
    tools = Tools(home, probed, make_encoder=lambda chosen: HashEncoder())
    found = backlog(tools, freshness.states(tools, upstream(probed)))
    assert {one.stage for one in found.shards} == {"round_trip"}
    assert found.release is not None


@pytest.mark.parametrize("lost", ["shard-0000", "shard-0001", "shard-0002"])
def test_a_lost_file_makes_its_shard_due_alone(home, recipe, lost):
    materialize(home, recipe)
    home.lake.rows("curated_captions", lost).unlink()
    found = due(home, recipe)
    assert [one.shard for one in found.shards] == [lost]
    assert found.release is None


def test_the_release_is_due_once_every_shard_is_fresh_again(home, recipe):
    materialize(home, recipe)
    changed = recipe.model_copy(update={"dialogs": recipe.dialogs.model_copy(update={"share": 0.3})})
    home.adopt(changed, change=True)
    tools = Tools(home, changed, make_encoder=lambda chosen: HashEncoder())
    for shard in ("shard-0000", "shard-0001", "shard-0002"):
        assert due(home, changed).release is None
        for name, stage in GRAPH.items():
            if stage.sharded:
                make(GRAPH[name], tools, shard, graph=GRAPH, run_id="test")
    found = due(home, changed)
    assert not found.shards
    assert found.release.why == "near_duplicates is stale: shards have been made anew"
    with pytest.raises(LakeError, match="near_duplicates is stale: shards have been made anew"):
        make(GRAPH["release"], tools, ALL, graph=GRAPH, run_id="test")
    make(GRAPH["near_duplicates"], tools, ALL, graph=GRAPH, run_id="test")
    make(GRAPH["selection"], tools, ALL, graph=GRAPH, run_id="test")
    after = due(home, changed).release
    assert after.stage == "release"
    assert "selection changed" in after.why
    make(GRAPH["release"], tools, ALL, graph=GRAPH, run_id="test")
    assert due(home, changed).release is None
