"""`release` on a lake that the stages made: what a changed recipe changes and leaves alone, and what it tells."""

import json

import pytest

from unicorn_assets.lake.shards import read_rows
from unicorn_assets.release.meters import Meters
from unicorn_assets.release.splits import split_of
from unicorn_assets.release.verify import verify
from unicorn_assets.stages.tracing import released_in
from unicorn_assets_tests.conftest import materialize


def changed(home, recipe, section, **values):
    part = getattr(recipe, section).model_copy(update=values)
    other = recipe.model_copy(update={section: part})
    home.adopt(other, change=True)
    return other


def latest(home):
    return home.releases / "demo" / "latest"


def manifest(home):
    return json.loads((latest(home) / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture
def first(home, recipe):
    materialize(home, recipe)
    return manifest(home)


def test_a_stricter_filter_is_told_row_by_row_with_the_reason_of_the_lake(home, recipe, first):
    shards = [f"shard-{number:04d}" for number in range(3)]
    before = {row["id"] for shard in shards for row in read_rows(home.lake.rows("pretrain_dataset", shard), ["id"])}
    outcomes = materialize(home, changed(home, recipe, "curation", min_words=90))
    told = manifest(home)["changes"]
    aside = [row for shard in shards for row in read_rows(home.lake.set_aside("curated_captions", shard))]
    short = sorted(row["id"] for row in aside if row["reason"] == "too_short" and row["id"] in before)
    assert short
    assert told["since"] == first["version"]
    setting, refitted = told["settings"]
    assert setting == "recipe.curation.min_words: 40 -> 90"
    assert refitted.startswith("transfer.version: ")  # its sample is drawn from what is kept
    pretrain = told["tables"]["pretrain"]
    assert pretrain["why"] == {"curated_captions: too_short": {"rows": len(short), "first": short[:3]}}
    assert pretrain["dropped"] == len(short)
    shown = outcomes["release", "all"].sidecar.metrics["changes"]
    assert shown["since"] == first["version"]
    assert shown["pretrain"] == {"added": 0, "dropped": len(short), "rewritten": 0}
    instruction = told["tables"]["instruction"]
    assert set(instruction["why"]) <= {"curated_captions: too_short"}
    assert list(verify(latest(home))) == []


def test_other_formats_and_a_held_out_share_make_a_release_and_no_shard(home, recipe, first):
    folder = latest(home).resolve()
    chosen = changed(home, recipe, "release", formats=("llava", "webdataset"), validation=0.3)
    outcomes = materialize(home, chosen)
    assert [stage for (stage, _), outcome in outcomes.items() if not outcome.reused] == ["release"]
    second = manifest(home)
    assert second["version"] != first["version"]
    assert second["tables"]["validation/pretrain"]["rows"] == second["changes"]["tables"]["pretrain"]["dropped"] > 0
    assert second["stages"] == first["stages"]
    assert (latest(home) / "webdataset" / "pretrain" / "shard-0000.tar").is_file()
    assert list(verify(latest(home))) == []
    assert list(verify(folder)) == []  # the one before stands as it was
    held = next(row["id"] for row in read_rows(latest(home) / "validation" / "pretrain" / "shard-0000.parquet"))
    assert split_of(held, 0.3) == "validation"
    assert {name for one in released_in(home, held) for name in one["tables"]} >= {"pretrain", "validation/pretrain"}


def test_back_to_the_first_recipe_is_the_first_version_untouched(home, recipe, first):
    content = {path: path.read_bytes() for path in latest(home).resolve().rglob("*") if path.is_file()}
    materialize(home, changed(home, recipe, "release", validation=0.3))
    assert manifest(home)["version"] != first["version"]
    home.adopt(recipe, change=True)
    materialize(home, recipe)
    assert manifest(home) == first
    assert {path: path.read_bytes() for path in content} == content


def test_card_and_manifest_tell_the_meters_that_the_web_ui_shows(home, recipe):
    metrics = materialize(home, recipe)["release", "all"].sidecar.metrics
    told = manifest(home)["meters"]
    assert told == {name: metrics[name] for name in told}
    assert set(told) == set(Meters.model_fields)
    card = (latest(home) / "README.md").read_text(encoding="utf-8")
    assert f"| quality | {metrics['quality']['mean']:.2f}; " in card
    assert f"| vendi score | {metrics['vendi_score']:.3g} |" in card
    assert f"| self bleu | {metrics['captions_diversity']['self_bleu']:.3g} | " in card
    assert list(verify(latest(home))) == []


def test_what_a_default_recipe_releases_holds_nothing_out(home, recipe, first):
    assert sorted(path.name for path in latest(home).iterdir()) == [
        "README.md",
        "embeddings",
        "instruction",
        "llava",
        "manifest.json",
        "pretrain",
        "transfer.png",
        "transfer.safetensors",
    ]
    assert first["recipe"]["release"] == {"coverage": 1.0, "formats": ["llava"], "validation": 0.0}
    assert first["changes"] is None
