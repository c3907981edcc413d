"""`unicorn gc`: what nothing needs is named with its reason, and goes on request; all else stays, whoever put it."""

import json
import os
import shutil
import time

import pytest
from click.testing import CliRunner

from unicorn_assets.cli.gc import gc
from unicorn_assets.cli.main import main
from unicorn_assets.errors import RecipeError
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import locked
from unicorn_assets.proof.experiment import STAMP, made_by
from unicorn_assets.proof.sizes import SIZES
from unicorn_assets.stages.reshard_plan import plan
from unicorn_assets.stages.resharding import Resharding
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.stages.resharded import move, small, stored, tools_at

DEAD = 2**22 + 1
"""Above the largest process id of Linux."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("made") / "home")
    materialize(home, small(3))
    return home


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def tree(home):
    """All files, links and folders but locks, which are left where they are."""
    found = home.path.rglob("*")
    return {
        str(path.relative_to(home.path)): path.read_bytes() if path.is_file() and not path.is_symlink() else None
        for path in found
        if "locks" not in path.parts and not path.name.endswith(".lock") and "catalog" not in path.name
    }


def told(home, capsys, **options):
    capsys.readouterr()
    gc(home, **{"apply": False} | options)
    return capsys.readouterr().out


def put(path, text="left over", *, age=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_home_in_order_has_nothing_left_over_and_is_not_touched(home, capsys):
    before = tree(home)
    assert told(home, capsys) == "Nothing is left over.\n"
    assert told(home, capsys, apply=True) == "Nothing is left over.\n"
    assert tree(home) == before


def garbage(home):
    """A file or folder of each kind, with what is said of it."""
    lake = home.lake.root
    scratch = lake / "seed_sources" / ".all.json.abc123.tmp"
    put(scratch / "pick" / "work.duckdb", "x" * 1000)
    return {
        put(lake / "text_embeddings" / f".shard-0000.arrow.{DEAD}.tmp", "x" * 3000): "the step that was writing it",
        scratch: "the step that was writing it has ended",
        put(lake / "curated_captions" / "set_aside" / ".shard-0001.parquet.7.tmp"): "the step that was writing it",
        put(lake / "curated_captions" / "shard-0001.png"): "its sidecar does not name it",
        put(lake / "expanded_captions" / "shard-0007.parquet"): "the recipe has no expanded_captions [shard-0007]",
        put(lake / "image_reference" / "all.parquet"): "the recipe has no image_reference [all]",
        put(home.path / f".recipe.toml.{DEAD}.tmp", age=7200): "whoever was writing it has died",
        put(home.path / "answers" / "expanded_captions" / ".shard-0000.parquet.5.tmp"): "the answers stand beside it",
        put(home.releases / "demo" / ".draft.abc" / "pretrain.parquet").parent: "the step that was making this release",
        put(home.path / "pending" / "text_embeddings.shard-0009.1"): "the catalog waits for text_embeddings",
        put(home.path / "reshard" / "new" / "lake" / "x.parquet").parent.parent: "cut short before it changed anything",
        put(home.path / "lanes" / "cpu-0" / "worker.log", age=8 * 86400): "its process ended more than a week ago",
    }


def test_every_kind_is_named_with_its_reason_and_goes_on_request_alone(home, capsys):
    before = tree(home)
    left = garbage(home)
    with_garbage = tree(home)
    out = told(home, capsys)
    for path, why in left.items():
        [line] = [line for line in out.splitlines() if line.startswith(f"  {path.relative_to(home.path)} (")]
        assert why in line
    assert "drafts: 6, " in out
    assert f"{len(left)} in all, " in out
    assert "Nothing was removed" in out
    assert tree(home) == with_garbage
    out = told(home, capsys, apply=True)
    assert f"{len(left)} in all, " in out
    assert "removed." in out
    after = tree(home)
    assert {name: data for name, data in after.items() if data is not None} == {
        name: data for name, data in before.items() if data is not None
    }
    assert told(home, capsys) == "Nothing is left over.\n"


def test_a_stage_of_another_version_goes_by_what_its_sidecars_say(home, capsys):
    folder = home.lake.root / "judged_captions"
    shutil.copytree(home.lake.root / "curated_captions", folder)
    for path in folder.glob("*.json"):
        path.write_text(path.read_text().replace('"stage": "curated_captions"', '"stage": "judged_captions"'))
    home.catalog.rebuild()
    assert "shards that the recipe does not have: 9, " in told(home, capsys)
    told(home, capsys, apply=True)
    assert not [path for path in folder.rglob("*") if path.is_file()]
    with home.catalog.snapshot() as connection:
        found = connection.execute("SELECT shard FROM materializations WHERE stage = 'judged_captions'").fetchall()
    assert found == []


def test_data_without_a_sidecar_goes_and_a_damaged_sidecar_keeps_its_data(home, capsys):
    home.lake.sidecar_path("text_embeddings", "shard-0001").unlink()
    home.lake.sidecar_path("text_embeddings", "shard-0002").write_text("{")
    out = told(home, capsys, apply=True)
    assert "files without a sidecar: 3, " in out
    assert not home.lake.vectors("text_embeddings", "shard-0001").exists()
    assert home.lake.vectors("text_embeddings", "shard-0002").exists()


def test_what_is_in_use_is_left_alone(home, capsys):
    left = garbage(home)
    lake = home.lake.root / "text_embeddings" / f".shard-0000.arrow.{DEAD}.tmp"
    log = put(home.path / "lanes" / "gpu-0" / "worker.log", age=9 * 86400)
    put(home.path / f".settings.toml.{os.getpid()}.tmp", age=7200)
    young = put(home.path / f".recipe.toml.{DEAD - 1}.tmp", age=5)
    with (
        home.step_lock("text_embeddings", "shard-0000"),
        home.at_work(),
        locked(log.with_name("worker.lock"), what="it", wait_seconds=0),
        locked(home.path / "answers" / "expanded_captions" / "shard-0000.lock", what="it", wait_seconds=0),
    ):
        out = told(home, capsys, apply=True)
    for path in (lake, log, young, home.path / "reshard" / "new", home.path / f".settings.toml.{os.getpid()}.tmp"):
        assert path.exists(), path
    assert (home.path / "answers" / "expanded_captions" / ".shard-0000.parquet.5.tmp").exists()
    assert out.count("Left alone, since it is in use") == 4
    assert sum(path.exists() for path in left) == 3
    out = told(home, capsys, apply=True)
    assert not lake.exists()
    assert not log.exists()


def test_files_of_others_and_links_are_named_and_stay(home, tmp_path, capsys):
    far = put(tmp_path / "elsewhere" / "shard-0009.parquet").parent
    mine = [
        put(home.path / "notes.txt"),
        put(home.lake.root / "mine" / "shard-0000.parquet").parent,
        put(home.lake.root / "text_embeddings" / "copy of shard-0000.arrow"),
        put(home.path / "answers" / "expanded_captions" / "readme.md"),
        put(home.releases / "demo" / "best" / "pretrain.parquet").parent,
    ]
    links = [home.path / "lake" / "instruction_extra", home.lake.root / "text_embeddings" / "shard-0008.parquet"]
    for link in links:
        link.symlink_to(far if link.name == "instruction_extra" else far / "shard-0009.parquet")
    before = tree(home)
    out = told(home, capsys, apply=True)
    assert out.startswith("Nothing is left over.\nNot known here, and left alone:\n")
    named = {line.strip() for line in out.splitlines()[2:]}
    assert named == {str(path.relative_to(home.path)) for path in (*mine, *links)}
    assert tree(home) == before
    assert (far / "shard-0009.parquet").exists()


def test_a_home_whose_lake_is_a_link_is_not_cleared_through_it(home, tmp_path, capsys):
    home.lake.root.rename(tmp_path / "big")
    home.lake.root.symlink_to(tmp_path / "big")
    left = put(tmp_path / "big" / "text_embeddings" / "shard-0009.parquet")
    assert "  lake" in told(home, capsys, apply=True).splitlines()
    assert left.exists()


def test_answers_are_kept_whatever_has_become_of_their_shard(home, capsys):
    answers = {path for path in (home.path / "answers").rglob("*.parquet")}
    shutil.copy(
        home.path / "answers" / "expanded_captions" / "shard-0000.parquet",
        home.answers("expanded_captions", "shard-0007.parquet"),
    )
    shutil.rmtree(home.lake.root / "expanded_captions")
    told(home, capsys, apply=True)
    assert {path for path in (home.path / "answers").rglob("*.parquet")} >= answers
    assert home.answers("expanded_captions", "shard-0007.parquet").exists()


def test_old_releases_go_only_when_asked_and_the_latest_never(home, capsys):
    folder = home.releases / "demo"
    latest = (folder / "latest").resolve()
    for number, age in enumerate((100, 200, 300)):
        old = folder / f"{number:016x}"
        shutil.copytree(latest, old)
        os.utime(old / "manifest.json", (time.time() - age,) * 2)
    os.utime(latest / "manifest.json", (time.time() - 1000,) * 2)
    assert told(home, capsys, apply=True) == "Nothing is left over.\n"
    assert "old releases: 2, " in told(home, capsys, keep_releases=1)
    told(home, capsys, apply=True, keep_releases=1)
    kept = {path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink()}
    assert kept == {latest.name, f"{0:016x}"}
    assert (folder / "latest").resolve() == latest


def test_a_world_of_another_version_goes_and_one_of_this_stays(home, capsys):
    for seed, stamp in ((0, made_by(SIZES["tiny"])), (1, made_by(SIZES["tiny"]) | {"version": 0})):
        world = home.path / "proof" / "tiny" / f"seed-{seed}"
        put(world / "towers.safetensors")
        put(world / STAMP, json.dumps(stamp, indent=1))
    out = told(home, capsys, apply=True)
    assert "worlds of another version: 1, " in out
    assert (home.path / "proof" / "tiny" / "seed-0" / "towers.safetensors").exists()
    assert not (home.path / "proof" / "tiny" / "seed-1" / "towers.safetensors").exists()


def test_a_reshard_that_has_begun_is_completed_and_not_cleared(home, capsys):
    other = Home(home.path.parent / "other")
    shutil.copytree(home.path, other.path, symlinks=True)
    move(other, 2)
    tools = tools_at(home)
    marker = Resharding(tools, plan(tools, 2)).make()
    (home.path / "reshard" / "ready.json").write_text(json.dumps({"before": 3, "after": 2, "folders": marker.folders}))
    told(home, capsys, apply=True)
    assert home.recipe() == small(2)
    assert stored(home) == stored(other)


def test_a_home_without_a_recipe_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="holds no recipe"):
        gc(Home(tmp_path), apply=True)
    assert CliRunner().invoke(main, ["gc", "--releases", "0"]).exit_code == 2
