"""`contamination`: what is planted leaves the release, with evidence; only what is new is looked at again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.cli.trace import trace
from unicorn_assets.errors import BenchmarkError, LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.lineage import left_out
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.release.verify import verify
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.due import backlog
from unicorn_assets.stages.freshness import states
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.synthesis.conversations import IMAGE
from unicorn_assets.text import words
from unicorn_assets_tests.conftest import data_files, materialize, run
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.stages.corpora import (
    benchmark,
    copied,
    made_home,
    make_below,
    rows,
    with_section,
)
from unicorn_assets_tests.stages.with_images import tools_for


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return made_home(tmp_path_factory.mktemp("base"))


@pytest.fixture
def home(base, tmp_path):
    return copied(base, tmp_path)


def released(home, table):
    return {
        row["id"]
        for path in (home.releases / "demo" / "latest" / table).glob("*.parquet")
        for row in read_rows(path, ["id"])
    }


def dialog_questions(home, recipe):
    """Questions with more than five words, each with the ids of the dialogs that ask it."""
    found = {}
    for row in rows(home, "instruction_dataset", recipe):
        for turn in row["conversations"]:
            text = turn["value"].replace(IMAGE, "").strip().partition("\n")[0]
            if turn["from"] == "human" and len(words(text)) > 5:
                found.setdefault(text, set()).add(row["id"])
    return found


def test_planted_texts_leave_the_release_with_their_evidence(home, recipe, tmp_path, capsys):
    caption = rows(home, "pretrain_dataset", recipe)[5]
    fragment = " ".join(words(caption["caption"])[4:24])
    question, asking = sorted(dialog_questions(home, recipe).items())[0]
    section = {"benchmarks": [benchmark(tmp_path / "vqa.csv", "Nothing of this is anywhere, I hope.", question),
                              benchmark(tmp_path / "coco.csv", f"Behold: {fragment}!", column="caption")]}  # fmt: skip
    before = {table: released(home, table) for table in ("pretrain", "instruction")}
    chosen = with_section(recipe, decontamination=section)
    outcomes = make_below(home, chosen)
    found = rows(home, "contamination")
    by_table = {(row["id"], row["table"]): row for row in found}
    evidence = by_table[caption["id"], "pretrain"]
    assert (evidence["benchmark"], evidence["row"], evidence["column"]) == ("coco", 2, "caption")
    assert (evidence["place"], evidence["how"], evidence["similarity"]) == ("caption", "words", None)
    assert evidence["shared"] == " ".join(words(fragment)[:13])
    for sample in asking:
        row = by_table[sample, "instruction"]
        if row["place"] != "caption":
            assert (row["benchmark"], row["row"], row["place"][:8]) == ("vqa", 3, "question")
            assert row["shared"] == " ".join(words(question)[:13])
    for table in before:
        gone = {row["id"] for row in found if row["table"] == table}
        assert gone
        assert released(home, table) == before[table] - gone
    decided = rows(home, "selection")
    assert {(row["id"], row["table"]) for row in decided} == set(by_table)
    assert {row["reason"] for row in decided} == {"contaminated"}
    one = next(row for row in decided if (row["id"], row["table"]) == (caption["id"], "pretrain"))
    assert one["evidence"] == "coco, caption of row 2"
    assert evidence["shared"] in one["detail"]
    step = left_out(home.lake, caption["id"])[-1]
    assert step["reason"] == "contaminated, left out of pretrain"
    assert (step["detail"], step["text"]) == (one["detail"], "coco, caption of row 2")
    trace(home, caption["id"], as_json=False)
    shown = capsys.readouterr().out
    assert "selection [all]: not selected\n    reason: contaminated, left out of pretrain" in shown
    assert list(verify(home.releases / "demo" / "latest")) == []
    manifest = json.loads((home.releases / "demo" / "latest" / "manifest.json").read_text())
    assert manifest["selection"]["pretrain"]["left"] == {
        "contaminated": len(before["pretrain"] - released(home, "pretrain"))
    }
    assert manifest["changes"]["tables"]["pretrain"]["why"].keys() == {"selection: contaminated"}
    assert list(manifest["stages"])[-3:] == ["contamination", "near_duplicates", "selection"]
    assert str(tmp_path) not in json.dumps(manifest)
    card = (home.releases / "demo" / "latest" / "README.md").read_text()
    assert "contaminated" in card
    told = outcomes["contamination"].sidecar
    assert told.rows_in == told.rows_out + told.not_selected["clean"]
    assert told.metrics["benchmarks"]["vqa"]["texts"] == 2
    assert outcomes["release"].sidecar.rows_in == outcomes["selection"].sidecar.rows_out


def test_without_benchmarks_nothing_of_it_stands_in_the_graph(recipe):
    assert "contamination" not in graph(recipe)
    assert "contamination" in graph(
        with_section(recipe, decontamination={"benchmarks": [{"name": "a", "path": "/a.csv"}]})
    )


class BagEncoder(HashEncoder):
    """A stand-in to which texts of the same words mean the same, in whatever order they stand."""

    name = "bag"

    def encode(self, texts):
        return super().encode([" ".join(sorted(words(text))) for text in texts])


def test_near_in_meaning_by_the_recipes_encoder(base, recipe, tmp_path):
    caption = rows(base, "pretrain_dataset", recipe)[0]
    question, asking = sorted(dialog_questions(base, recipe).items())[0]
    turned = [" ".join(reversed(words(text))) for text in (caption["caption"], question)]
    section = {"benchmarks": [benchmark(tmp_path / "b.csv", *turned)]}
    home = Home(tmp_path / "home")
    off = with_section(recipe, decontamination=section)
    materialize(home, off, encoder=BagEncoder)
    assert rows(home, "contamination") == []
    near = with_section(recipe, decontamination=section | {"cosine": 0.999})
    assert graph(near)["contamination"].lane == "gpu"
    assert graph(off)["contamination"].lane == "cpu"
    home.adopt(near, change=True)
    outcomes = materialize(home, near, encoder=BagEncoder)
    assert {stage for (stage, _), one in outcomes.items() if not one.reused} == {
        "contamination",
        "selection",
        "release",
    }
    found = {(row["id"], row["table"]): row for row in rows(home, "contamination")}
    hit = found[caption["id"], "pretrain"]
    assert (hit["how"], hit["place"], hit["row"], hit["shared"]) == ("meaning", "caption", 2, turned[0][:300])
    assert hit["similarity"] >= 0.999
    dialogs = {sample: row for (sample, table), row in found.items() if table == "instruction"}
    assert set(dialogs) == asking | ({caption["id"]} & set(dialogs))
    assert {row["place"][:8] for sample, row in dialogs.items() if sample != caption["id"]} == {"question"}


def test_another_file_of_the_same_name_is_looked_at_and_the_same_elsewhere_is_not(home, recipe, tmp_path):
    section = benchmark(tmp_path / "vqa.csv", "There is nothing like it in here.")
    chosen = with_section(recipe, decontamination={"benchmarks": [section]})
    assert not make_below(home, chosen)["contamination"].reused
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "vqa.csv").rename(tmp_path / "elsewhere" / "vqa.csv")
    chosen = with_section(recipe, decontamination={"benchmarks": [section | {"path": str(moved)}]})
    assert all(outcome.reused for outcome in make_below(home, chosen).values())
    benchmark(moved, "Another text, as long as it must be.")
    assert not any(make_below(home, chosen)[name].reused for name in ("contamination",))


def test_only_new_shards_are_looked_through(home, recipe, tmp_path):
    question = sorted(dialog_questions(home, recipe))[0]
    chosen = with_section(recipe, decontamination={"benchmarks": [benchmark(tmp_path / "vqa.csv", question)]})
    first = make_below(home, chosen)["contamination"].sidecar
    assert first.metrics["shards_looked_at"] == 3
    before = rows(home, "contamination")
    path = home.lake.rows("pretrain_dataset", "shard-0001")
    path.unlink()  # made again with the same fingerprint
    materialize(home, chosen)
    assert home.lake.need("contamination", ALL).run == first.run
    fewer = with_section(chosen, dialogs=recipe.dialogs.model_dump() | {"share": 0.0})
    home.adopt(fewer, change=True)
    outcomes = materialize(home, fewer)
    assert outcomes["contamination", ALL].sidecar.metrics["shards_looked_at"] == 3
    gone = {row["id"] for row in before} - {row["id"] for row in rows(home, "contamination")}
    assert gone  # a dialog that is not there any more is no decision any more
    warned = with_section(fewer, decontamination=fewer.decontamination.model_dump() | {"warn_share": 0.0})
    told = make_below(home, warned)["contamination"].sidecar
    assert told.metrics["shards_looked_at"] == 0
    assert {check.name: check.passed for check in told.checks}["contamination_low"] == (told.rows_out == 0)
    assert not told.blocked_by


def test_shards_in_any_order_and_one_by_one_give_the_same_bytes(tmp_path, recipe, base):
    question = sorted(dialog_questions(base, recipe))[0]
    chosen = with_section(recipe, decontamination={"benchmarks": [benchmark(tmp_path / "vqa.csv", question)],
                                                   "warn_share": 0.5}, release={"coverage": 0.3})  # fmt: skip
    whole, pieces = Home(tmp_path / "whole"), Home(tmp_path / "pieces")
    materialize(whole, chosen)
    tools, stages = tools_for(pieces, chosen), graph(chosen)
    for name in ("seed_sources", "modality_alignment"):
        make(stages[name], tools, ALL, graph=stages, run_id="test")
    for shard in ("shard-0002", "shard-0000", "shard-0001"):
        for stage in stages.values():
            if stage.sharded:
                make(stage, tools, shard, graph=stages, run_id="test")
        told = make_below(pieces, chosen)["contamination"].sidecar
        assert told.metrics["shards_looked_at"] == 1
    for stage in ("contamination", "selection"):
        assert pieces.lake.rows(stage, ALL).read_bytes() == whole.lake.rows(stage, ALL).read_bytes()
    assert (pieces.releases / "demo" / "latest").resolve().name == (whole.releases / "demo" / "latest").resolve().name


@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read"), ("", "is empty"), ("a,b\n1,2\n", "no column")])
def test_a_benchmark_that_cannot_be_used_is_one_error_that_names_it(home, recipe, tmp_path, content, says):
    path = tmp_path / "vqa.csv"
    if content is not None:
        path.write_text(content)
    chosen = with_section(recipe, decontamination={"benchmarks": [{"name": "mine", "path": str(path)}]})
    with pytest.raises(BenchmarkError, match=says) as error:
        make_below(home, chosen)
    assert str(path) in error.value.what
    assert "'mine'" in error.value.what
    tools = tools_for(home, chosen)
    due = backlog(tools, states(tools, upstream(chosen))).release
    assert due.stage == "contamination"
    assert (home.releases / "demo" / "latest" / "manifest.json").is_file()


def test_a_run_with_such_a_benchmark_makes_nothing(tmp_path, recipe):
    chosen = with_section(
        recipe, decontamination={"benchmarks": [{"name": "mine", "path": str(tmp_path / "gone.csv")}]}
    )
    with pytest.raises(BenchmarkError, match="there is no file"):
        run(Home(tmp_path / "home"), chosen)
    assert not (tmp_path / "home").exists()


def test_decisions_about_other_benchmarks_are_not_applied(home, recipe, tmp_path):
    path = tmp_path / "vqa.csv"
    chosen = with_section(recipe, decontamination={"benchmarks": [benchmark(path, "Nothing of it is in here.")]})
    make_below(home, chosen)
    benchmark(path, "Something else is to be looked for.")
    stages = graph(chosen)
    for name in ("selection", "release"):
        with pytest.raises(LakeError, match=r"contamination is stale: benchmarks\.0\.sha256"):
            make(stages[name], tools_for(home, chosen), ALL, graph=stages, run_id="test", again=True)


CHILD = """
import sys
from pathlib import Path
from unicorn_assets import recipe as recipes
from unicorn_assets.home import Home
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.stages.corpora import make_below
make_below(Home(Path(sys.argv[1])), recipes.load(sys.argv[2]))
"""


@pytest.mark.parametrize("trigger", ["lake/contamination/all.parquet", "lake/selection/all.parquet"])
def test_a_kill_leaves_nothing_half_decided(base, home, recipe, tmp_path, trigger):
    question = sorted(dialog_questions(home, recipe))[0]
    chosen = with_section(recipe, decontamination={"benchmarks": [benchmark(tmp_path / "vqa.csv", question)]})
    other = tmp_path / "other"
    other.mkdir()
    undisturbed = copied(base, other)
    make_below(undisturbed, chosen)
    recipe_file = tmp_path / "recipe.toml"
    recipe_file.write_text(recipes.dump(chosen))
    stood = home.path / trigger
    before = stood.stat().st_mtime_ns if stood.exists() else None
    command = [sys.executable, "-c", CHILD, str(home.path), str(recipe_file)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        if stood.exists() and stood.stat().st_mtime_ns != before:
            break
        time.sleep(0.0005)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, child.stderr.read().decode()
    child.stderr.close()
    make_below(home, chosen)
    assert data_files(home) == data_files(undisturbed)
