"""The main path as a whole: from seeds to a release, again and again, in any order, and after a kill."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_name, shard_names, shard_number
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.freshness import states
from unicorn_assets.stages.graph import GRAPH
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import data_files, materialize, run
from unicorn_assets_tests.doubles import HashEncoder


def sidecars(home, recipe):
    return [home.lake.need(name, shard) for name, stage in GRAPH.items() for shard in stage.shards(recipe)]


def found_states(home, recipe):
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    return {(one.stage, one.shard): one for one in states(tools, UPSTREAM)}


def test_run_ends_in_a_release_with_every_row_accounted_for(home, recipe, capsys):
    assert run(home, recipe) == 0
    folder = capsys.readouterr().out.strip()
    assert os.path.realpath(home.releases / "demo" / "latest") == folder
    manifest = json.loads((home.releases / "demo" / "latest" / "manifest.json").read_text())
    made = sidecars(home, recipe)
    candidates = sum(one.rows_out for one in made if one.stage == "pretrain_dataset")
    assert manifest["tables"]["pretrain"]["rows"] == candidates > 0
    for one in made:
        assert one.rows_in == one.rows_out + sum(one.rejected.values()) + sum(one.not_selected.values()), one.stage
        assert not one.blocked_by
        aside = home.lake.set_aside(one.stage, one.shard)
        if aside.is_file():
            kept_aside = sum(1 for _ in read_rows(aside, ["id"]))
            assert kept_aside == sum(one.rejected.values()) + sum(one.not_selected.values())
    assert {one.condition for one in found_states(home, recipe).values()} == {"fresh"}


def test_dagster_and_the_plain_runner_make_the_same_bytes_in_any_order(tmp_path, home, recipe):
    other = Home(tmp_path / "other place")
    assert run(home, recipe, shards=list(reversed(shard_names(recipe.shards)))) == 0
    materialize(other, recipe)
    assert data_files(home) == data_files(other)


def test_rows_lead_to_their_parents_and_stand_in_the_shard_of_their_id(home, recipe):
    materialize(home, recipe)
    for shard in shard_names(recipe.shards):
        above = {row["id"] for row in read_rows(home.lake.rows("caption_seeds", shard))}
        for stage in ("expanded_captions", "curated_captions", "instruction_dialogs", "text_embeddings"):
            rows = list(read_rows(home.lake.rows(stage, shard)))
            ids = {row["id"] for row in rows}
            assert ids <= above
            assert all(shard_name(shard_number(sample, recipe.shards)) == shard for sample in ids)
            fingerprint = home.lake.need(stage, shard).fingerprint
            assert {row["fingerprint"] for row in rows} <= {fingerprint}


def test_second_time_makes_nothing_again(home, recipe):
    materialize(home, recipe)
    before = {(one.stage, one.shard): one.run for one in sidecars(home, recipe)}
    outcomes = materialize(home, recipe)
    assert all(outcome.reused for outcome in outcomes.values())
    assert {(one.stage, one.shard): one.run for one in sidecars(home, recipe)} == before


CHILD = """
import sys
from pathlib import Path
from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets_tests.conftest import materialize
materialize(Home(Path(sys.argv[1])), recipes.load(sys.argv[2]))
"""


def start(home, recipe_file):
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(home.path), str(recipe_file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


TRIGGERS = (
    "lake/expanded_captions/shard-0000.json",
    "answers/instruction_dialogs/shard-0001.journal",
    "lake/text_embeddings/shard-0002.arrow",
    "releases/demo",
)


def test_kills_in_the_middle_change_no_byte(tmp_path, home, recipe):
    undisturbed = Home(tmp_path / "undisturbed")
    materialize(undisturbed, recipe)
    recipe_file = tmp_path / "recipe.toml"
    recipe_file.write_text(recipes.dump(recipe))
    for trigger in TRIGGERS:
        child = start(home, recipe_file)
        deadline = time.monotonic() + 60
        while child.poll() is None and not (home.path / trigger).exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        os.killpg(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL, f"the child ended before it could be killed at {trigger}"
    materialize(home, recipe)
    assert data_files(home) == data_files(undisturbed)


@pytest.mark.parametrize("stage", ["curated_captions", "text_embeddings", "seed_sources"])
def test_a_lake_file_cut_short_is_named_and_made_again(home, recipe, stage):
    materialize(home, recipe)
    whole = data_files(home)
    shard = "all" if stage == "seed_sources" else "shard-0001"
    path = home.lake.rows(stage, shard)
    path.write_bytes(path.read_bytes()[:-100])
    found = found_states(home, recipe)
    assert found[stage, shard].condition == "damaged"
    assert str(path) in found[stage, shard].why
    assert found["pretrain_dataset", "shard-0001"].condition == "stale"
    outcomes = materialize(home, recipe)
    assert str(path) in outcomes[stage, shard].note
    assert data_files(home) == whole


def test_a_change_of_the_filter_leaves_captions_and_answers_alone(home, recipe):
    materialize(home, recipe)
    before = {(one.stage, one.shard): one.run for one in sidecars(home, recipe)}
    changed = recipe.model_copy(update={"curation": recipe.curation.model_copy(update={"min_words": 90})})
    home.adopt(changed, change=True)
    found = found_states(home, changed)
    assert found["expanded_captions", "shard-0000"].condition == "fresh"
    assert found["curated_captions", "shard-0000"].condition == "stale"
    assert "curation.min_words: 40 -> 90" in found["curated_captions", "shard-0000"].why
    outcomes = materialize(home, changed)
    reused = {stage for (stage, shard), outcome in outcomes.items() if outcome.reused}
    assert {"seed_sources", "caption_seeds", "expanded_captions"} <= reused
    assert "curated_captions" not in reused
    assert home.lake.need("expanded_captions", "shard-0000").run == before["expanded_captions", "shard-0000"]


def test_one_more_seed_asks_for_one_answer_and_touches_one_shard(tmp_path, home, recipe):
    seeds = tmp_path / "seeds.txt"
    plants = ("wheat", "corn", "clover", "barley")
    captions = [f"A {colour} kite over a field of {plant}." for colour in ("red", "blue", "green") for plant in plants]
    seeds.write_text("\n".join(captions) + "\n")
    mine = recipes.adjusted(recipe, seeds=[seeds], shards=3)
    materialize(home, mine)
    before = {shard: home.lake.need("expanded_captions", shard).fingerprint for shard in shard_names(3)}
    # In front, so that every other seed stands in another line than before.
    seeds.write_text("\n".join(["A yellow lantern on a stone bridge.", *captions]) + "\n")
    materialize(home, mine)
    made = [home.lake.need("expanded_captions", shard) for shard in shard_names(3)]
    changed = [one for one in made if one.fingerprint != before[one.shard]]
    assert len(changed) == 1
    assert changed[0].metrics["requests"] == 1
    assert changed[0].metrics["answers_reused"] == changed[0].rows_in - 1


def test_the_calibration_sample_is_not_paid_for_twice(home, recipe):
    outcomes = materialize(home, recipe)
    fitted = outcomes["modality_alignment", "all"].sidecar.metrics
    shards = [outcomes["expanded_captions", shard].sidecar.metrics for shard in shard_names(recipe.shards)]
    assert fitted["requests"] == recipe.alignment.sample
    assert sum(one["answers_reused"] for one in shards) == recipe.alignment.sample
    assert sum(one["requests"] for one in shards) == 60 - recipe.alignment.sample


def test_the_transfer_is_frozen_until_a_refit_is_asked_for(tmp_path, home, recipe):
    from unicorn_assets.stages.runner import make

    materialize(home, recipe)
    before = home.lake.need("modality_alignment", "all")
    more = tmp_path / "more.txt"
    more.write_text("".join(f"A small boat with {number} oars beside a jetty.\n" for number in range(40)))
    sources = (*recipe.seeds.sources, recipes.Source(name="more", path=str(more)))
    grown = recipe.model_copy(update={"seeds": recipe.seeds.model_copy(update={"sources": sources})})
    home.adopt(grown, change=True)
    outcomes = materialize(home, grown)
    assert outcomes["modality_alignment", "all"].reused
    tools = Tools(home, grown, make_encoder=lambda chosen: HashEncoder())
    again = make(GRAPH["modality_alignment"], tools, "all", graph=GRAPH, run_id="refit", again=True)
    assert again.sidecar.produced != before.produced
    assert found_states(home, grown)["synthetic_image_embeddings", "shard-0000"].condition == "stale"
