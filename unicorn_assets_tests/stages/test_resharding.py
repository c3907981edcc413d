"""Another number of shards: the bytes of a lake that had it from the start, and nothing made or asked again."""

import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from unicorn_assets.engines.moving import deal
from unicorn_assets.engines.store import AnswerReader, AnswerStore
from unicorn_assets.errors import LakeError, UnicornError
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_name, shard_names, shard_number
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.switch import Switch
from unicorn_assets.stages import reshard_plan
from unicorn_assets.stages.captions import CURATED_CAPTIONS
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.dialogs import INSTRUCTION_DIALOGS
from unicorn_assets.stages.freshness import states
from unicorn_assets.stages.moving import movable
from unicorn_assets.stages.reshard_plan import plan
from unicorn_assets.stages.resharding import Resharding
from unicorn_assets.stages.sharing import COUNTS, SPENT
from unicorn_assets.stages.unasked import AskedError
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.engines.store_answers import filled
from unicorn_assets_tests.stages.corpora import benchmark, with_section
from unicorn_assets_tests.stages.resharded import move, small, stored, tools_at

SHARDED = [name for name, stage in UPSTREAM.items() if stage.sharded]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Homes made with so many shards from the start, each once."""
    folder, homes = tmp_path_factory.mktemp("made"), {}

    def of(shards):
        if shards not in homes:
            homes[shards] = Home(folder / str(shards))
            materialize(homes[shards], small(shards))
        return homes[shards]

    return of


@pytest.fixture
def home(made, tmp_path):
    """A home of 3 shards of one's own."""
    shutil.copytree(made(3).path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def conditions(home):
    return Counter(one.condition for one in states(tools_at(home), UPSTREAM))


def sidecars(home, stage):
    return [home.lake.need(stage, shard) for shard in shard_names(home.recipe().shards)]


@pytest.mark.parametrize("shards", [2, 6])
def test_the_bytes_are_those_of_a_lake_that_had_the_shards_from_the_start(made, home, shards):
    move(home, shards)
    assert stored(home) == stored(made(shards))
    assert home.recipe() == small(shards)
    assert set(conditions(home)) == {"fresh"}
    for name, stage in UPSTREAM.items():
        for shard in stage.shards(small(shards)):
            mine, other = home.lake.need(name, shard), made(shards).lake.need(name, shard)
            same = ("fingerprint", "fields", "inputs", "produced", "rows_in", "rows_out", "rejected", "not_selected")
            assert [getattr(mine, part) for part in same] == [getattr(other, part) for part in same]
            assert mine.files == other.files
            assert mine.checks == other.checks
            own = {"moved", *SPENT, "fitted_on"}
            assert {k: v for k, v in mine.metrics.items() if k not in own} == {
                k: v for k, v in other.metrics.items() if k not in own
            }
    outcomes = materialize(home, small(shards))
    assert {stage for (stage, _), outcome in outcomes.items() if not outcome.reused} == {"selection", "release"}
    assert not (home.path / "reshard" / "old").exists()


def test_there_and_back_again_is_as_if_nothing_had_been(home):
    before = stored(home)
    spent = [Counter({name: sum(one.metrics[name] for one in sidecars(home, "expanded_captions")) for name in COUNTS})]
    seconds = [round(sum(one.run.seconds for one in sidecars(home, "curated_captions")), 3)]
    for shards in (7, 1, 3):
        move(home, shards)
        found = sidecars(home, "expanded_captions")
        spent.append(Counter({name: sum(one.metrics[name] for one in found) for name in COUNTS}))
        seconds.append(round(sum(one.run.seconds for one in sidecars(home, "curated_captions")), 3))
    assert stored(home) == before
    assert spent[0]["requests"] > 0
    assert all(one == spent[0] for one in spent)
    assert seconds == [seconds[0]] * 4
    moved = home.lake.need("text_embeddings", "shard-0000").metrics["moved"]
    assert moved == {"from_shards": 1, "runs": ["test"]}


def test_rows_move_where_their_answers_have_been_pruned(made, home):
    shutil.rmtree(home.path / "answers")
    move(home, 2)
    assert stored(home) == {name: data for name, data in stored(made(2)).items() if name.startswith("lake")}


def test_answers_of_shards_that_are_not_made_yet_move_too(made, home):
    for stage in SHARDED:
        shutil.rmtree(home.lake.root / stage)
    store = home.answers("expanded_captions", "shard-0001")
    with AnswerReader(store) as reader:
        rows = list(reader.rows())
    asked = rows[0]["key"]
    move(home, 2)
    assert conditions(home) == {"fresh": 2, "missing": 2 * len(SHARDED)}
    with AnswerReader(home.answers("expanded_captions", shard_name(shard_number(rows[0]["id"], 2)))) as reader:
        assert asked in reader
    outcomes = materialize(home, small(2))
    assert sum(one.sidecar.metrics.get("requests", 0) for one in outcomes.values() if not one.reused) == 0
    assert {name: data for name, data in stored(home).items()} == stored(made(2))


def test_a_store_with_a_journal_gives_what_it_holds_and_keeps_it(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new, tmp_path / "scratch"):
        folder.mkdir()
    filled(old / "shard-0000", range(10))
    with AnswerStore(old / "shard-0000") as store:
        store.compact()
    filled(old / "shard-0000", range(15))
    filled(old / "shard-0001", range(12, 20))  # a twin of some
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    assert deal(old, new, 3, tmp_path / "scratch") == 20
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    found = []
    for number in range(3):
        with AnswerReader(new / shard_name(number)) as reader:
            rows = list(reader.rows())
        assert all(shard_number(row["id"], 3) == number for row in rows)
        found += rows
    assert len({row["key"] for row in found}) == len(found) == 20


def test_a_shard_that_is_missing_is_no_reason_to_lose_its_neighbours(made, home):
    home.lake.sidecar_path("text_embeddings", "shard-0001").unlink()
    with pytest.raises(UnicornError) as caught:
        plan(tools_at(home), 2).refuse_loss()
    assert "2 of text_embeddings" in caught.value.what
    assert "text_embeddings [shard-0001] is missing: not made yet" in caught.value.what
    assert "--partial" in caught.value.cure
    # In twice as many shards, 1 and 4 alone are made of it.
    chosen = plan(tools_at(home), 6)
    chosen.refuse_loss()
    assert chosen.moves("text_embeddings") == [0, 2, 3, 5]
    assert chosen.moves("instruction_dialogs") == list(range(6))
    move(home, 6)
    assert conditions(home)["missing"] == 2 * 4
    outcomes = materialize(home, small(6))
    again = {(stage, shard) for (stage, shard), outcome in outcomes.items() if not outcome.reused}
    assert ("text_embeddings", "shard-0004") in again
    assert ("text_embeddings", "shard-0000") not in again
    assert stored(home) == stored(made(6))


def test_what_cannot_move_is_left_to_be_made_of_kept_answers(made, home):
    home.lake.rows("expanded_captions", "shard-0002").write_bytes(b"cut")
    assert plan(tools_at(home), 2).lost()["text_embeddings"] == {"shard-0000", "shard-0001"}
    move(home, 2)
    assert conditions(home) == {"fresh": 4, "missing": 2 * (len(SHARDED) - 1)}
    outcomes = materialize(home, small(2))
    assert sum(one.sidecar.metrics.get("requests", 0) for one in outcomes.values() if not one.reused) == 0
    assert stored(home) == stored(made(2))


def test_a_home_without_a_shard_and_one_without_seeds_just_change_their_number(tmp_path):
    home = Home(tmp_path / "new")
    home.prepare()
    home.adopt(small(3))
    move(home, 5)
    assert home.recipe() == small(5)
    assert set(conditions(home)) == {"missing"}


def test_content_that_is_not_what_was_written_stops_it_and_nothing_is_changed(home):
    path = home.lake.vectors("text_embeddings", "shard-0002")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    before = stored(home)
    with pytest.raises(LakeError, match=r"shard-0002\.arrow does not have the content"):
        move(home, 2)
    assert stored(home) == before
    assert home.recipe() == small(3)


@pytest.mark.parametrize("name", ["lake/text_embeddings/notes.txt", "answers/expanded_captions/mine.parquet"])
def test_files_of_others_are_not_carried_off(home, name):
    (home.path / name).write_text("mine")
    with pytest.raises(LakeError, match="is no file of this program") as caught:
        plan(tools_at(home), 2)
    assert str(home.path / name) in caught.value.what


def test_a_disk_without_room_is_refused_with_figures(home, monkeypatch):
    chosen = plan(tools_at(home), 2)
    made = sum(path.stat().st_size for path in home.lake.root.rglob("shard-*"))
    assert chosen.disk > made
    chosen.refuse_full_disk(home.path)
    monkeypatch.setattr(reshard_plan.shutil, "disk_usage", lambda path: SimpleNamespace(free=chosen.disk - 1))
    with pytest.raises(LakeError, match="MiB free; another number of shards takes"):
        chosen.refuse_full_disk(home.path)


def test_a_bought_stage_that_cannot_move_by_rows_is_made_of_its_answers_and_asks_for_none(made, home):
    tools = tools_at(home)
    chosen = plan(tools, 2)
    chosen = replace(
        chosen, stages=chosen.stages | {INSTRUCTION_DIALOGS.name: replace(INSTRUCTION_DIALOGS, figures=None)}
    )
    spent = sum(one.metrics["requests"] for one in sidecars(home, "instruction_dialogs"))
    with pytest.raises(AskedError, match="not in the store"):
        Resharding(tools, replace(chosen, answers=("expanded_captions",))).make()
    home.switch.clear()
    home.switch.begin(Resharding(tools, chosen).make())
    assert stored(home) == stored(made(2))
    assert sum(one.metrics["requests"] for one in sidecars(home, "instruction_dialogs")) == spent > 0


def test_rows_keep_the_fingerprint_of_their_new_shard(home):
    move(home, 2)
    for stage in SHARDED:
        for one in sidecars(home, stage):
            found = {row["fingerprint"] for row in read_rows(home.lake.rows(stage, one.shard), ["fingerprint"])}
            assert found == {one.fingerprint}


def test_a_kill_at_any_moment_leaves_the_old_home_or_one_that_the_next_command_completes(made, tmp_path):
    start, folder = tmp_path / "start", tmp_path / "killed"
    shutil.copytree(made(3).path, start, symlinks=True)
    folder.mkdir()
    told = subprocess.run(
        [sys.executable, "-m", "unicorn_assets_tests.stages.resharded", str(start), str(folder), "2", "8"],
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    old, new, seen = stored(made(3)), stored(made(2)), Counter()
    for name in told.stdout.split():
        phase, _, _ = name.partition("-")
        killed, began = Home(folder / name), (folder / name / "reshard" / "ready.json").exists()
        seen[phase, began] += 1
        if phase == "build":
            assert not began
            assert killed.recipe() == small(3)
            assert stored(killed) == old, name
            if seen["build", False] % 4 == 1:
                move(killed, 2)
        if killed.recipe() == small(2):  # whoever asks for the recipe completes a switch
            assert stored(killed) == new, name
            assert not killed.catalog.path.exists()
        else:
            assert stored(killed) == old, name
            assert not began
        shutil.rmtree(killed.path)
    assert seen["build", False] >= 8
    assert seen["switch", True] >= 40


def test_a_marker_that_cannot_be_read_is_named(tmp_path):
    switch = Switch(tmp_path)
    switch.folder.mkdir()
    (switch.folder / "ready.json").write_text("{")
    with pytest.raises(LakeError, match=r"ready\.json cannot be read"):
        Home(tmp_path).recipe()


def test_a_free_stage_that_says_more_of_its_rows_than_its_figures_is_made_by_its_body(home):
    body = CURATED_CAPTIONS.body

    def measured(work, drafts):
        made = body(work, drafts)
        return replace(made, metrics={"shortest": min(row["words"] for row in read_rows(drafts.paths["rows"]))})

    tools = tools_at(home)
    chosen = plan(tools, 2)
    stage = replace(CURATED_CAPTIONS, body=measured, checks=(), figures=lambda paths: {})
    made = [one.model_copy(update={"metrics": {}}) for one in sidecars(home, stage.name)]
    assert movable(stage, home.lake, made)
    assert not movable(stage, home.lake, [made[0].model_copy(update={"metrics": {"shortest": 100}})])
    for one in made:
        told = one.model_copy(update={"metrics": {"shortest": 100}})
        home.lake.sidecar_path(stage.name, one.shard).write_text(told.dump())
    chosen = replace(plan(tools, 2), stages=chosen.stages | {stage.name: stage})
    home.switch.clear()
    home.switch.begin(Resharding(tools, chosen).make())
    for one in sidecars(home, stage.name):
        rows = list(read_rows(home.lake.rows(stage.name, one.shard)))
        assert one.metrics["shortest"] == min(row["words"] for row in rows)


def test_what_has_been_looked_through_for_contamination_is_not_looked_at_again(made, home, tmp_path):
    caption = next(read_rows(home.lake.rows("pretrain_dataset", "shard-0000")))["caption"]
    section = {"benchmarks": [benchmark(tmp_path / "coco.csv", caption, column="caption")]}
    looked = with_section(small(3), decontamination=section)
    home.adopt(looked, change=True)
    first = materialize(home, looked)["contamination", "all"].sidecar
    assert first.metrics["shards_looked_at"] == 3
    assert first.rows_out > 0
    home.lake.sidecar_path("text_embeddings", "shard-0002").unlink()
    move(home, 6)
    again = materialize(home, with_section(small(6), decontamination=section))
    found = again["contamination", "all"]
    assert not found.reused
    assert found.sidecar.metrics["shards_looked_at"] == 2  # those that the missing one goes to
    rows = [{**row, "fingerprint": ""} for row in read_rows(home.lake.rows("contamination", "all"))]
    other = Home(tmp_path / "from the start")
    start = materialize(other, with_section(small(6), decontamination=section))["contamination", "all"].sidecar
    assert start.metrics["shards_looked_at"] == 6
    assert rows == [{**row, "fingerprint": ""} for row in read_rows(other.lake.rows("contamination", "all"))]


def test_what_is_withdrawn_stays_so(home):
    gone = next(read_rows(home.lake.rows("caption_seeds", "shard-0000")))["id"]
    home.withdrawals.add("seed", gone, "asked for by its author")
    materialize(home, small(3))
    move(home, 2)
    assert set(conditions(home)) == {"fresh"}
    shard = shard_name(shard_number(gone, 2))
    assert gone not in {row["id"] for row in read_rows(home.lake.rows("caption_seeds", shard))}
    assert [one.name for one in home.withdrawals.read().in_force] == [gone]
