"""`selection` on a lake that the stages made: the mix in the release, topics that are emptied, what makes it stale."""

import csv
import json
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from unicorn_assets.identity import shard_names
from unicorn_assets.lake.vectors import read_vectors
from unicorn_assets.release.verify import verify
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.due import backlog
from unicorn_assets.stages.freshness import states
from unicorn_assets.text import words
from unicorn_assets_tests.conftest import data_files, materialize, run
from unicorn_assets_tests.stages.corpora import (
    benchmark,
    copied,
    made_home,
    make_below,
    rows,
    with_section,
)
from unicorn_assets_tests.stages.with_images import tools_for

MIX = {"wanted": [{"task": "pretrain", "words": "40-90", "share": 0.5}, {"task": "question_answering", "share": 0.25}]}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return made_home(tmp_path_factory.mktemp("base"))


@pytest.fixture
def home(base, tmp_path):
    return copied(base, tmp_path)


def manifest(home):
    return json.loads((home.releases / "demo" / "latest" / "manifest.json").read_text(encoding="utf-8"))


def checks(outcome):
    return {check.name: check for check in outcome.sidecar.checks}


def test_without_a_rule_everything_goes_out(base, recipe):
    assert rows(base, "selection") == []
    told = manifest(base)["selection"]["pretrain"]
    assert told == {"candidates": told["selected"], "selected": told["selected"], "left": {}}
    assert not (base.lake.root / "selection" / "all.requests.csv").exists()
    assert set(base.lake.need("selection", "all").fields) == {"corpus", "version"}


def test_the_release_has_the_wanted_mix_and_says_what_is_missing(home, recipe):
    outcomes = make_below(home, with_section(recipe, mix=MIX))
    facts = manifest(home)
    sizes = {name: part["selected"] for name, part in facts["mix"].items()}
    total = sum(sizes.values())
    assert sizes["pretrain, 40-90 words"] == round(total / 2) > 0
    assert total == facts["tables"]["pretrain"]["rows"] + facts["tables"]["instruction"]["rows"]
    assert facts["selection"]["pretrain"]["left"]["mix"] > 0
    assert outcomes["selection"].sidecar.not_selected == {"mix": len(rows(home, "selection"))}
    with (home.lake.root / "selection" / "all.requests.csv").open() as file:
        requests = list(csv.DictReader(file))
    missing = {name: part["missing"] for name, part in facts["mix"].items() if part["missing"] and name != "all else"}
    assert [int(row["rows"]) for row in requests] == list(missing.values())
    with home.catalog.snapshot() as catalog:
        asked = catalog.execute("SELECT topic, task, words, rows, seeds FROM seed_requests").fetchall()
    numbers = [[int(row[name]) if row[name] else None for name in ("rows", "seeds")] for row in requests]
    texts = [[row[name] or None for name in ("topic", "task", "words")] for row in requests]
    assert asked == [(*text, *number) for text, number in zip(texts, numbers, strict=True)]
    assert checks(outcomes["selection"])["mix_met"].passed
    assert list(verify(home.releases / "demo" / "latest")) == []
    card = (home.releases / "demo" / "latest" / "README.md").read_text(encoding="utf-8")
    assert "| pretrain, 40-90 words | 50.0% |" in card
    why = facts["changes"]["tables"]["pretrain"]["why"]
    assert set(why) == {"selection: mix"}


def test_a_mix_that_cannot_be_met_warns_and_is_released(home, recipe):
    chosen = with_section(recipe, mix={"total": 500, "wanted": [{"topic": "submarines", "share": 0.5}]})
    outcomes = make_below(home, chosen)
    failed = checks(outcomes["selection"])["mix_met"]
    assert (failed.passed, failed.severity, failed.blocking) == (False, "WARN", False)
    assert failed.figures["missing"]["submarines"] == 250
    assert "mix_met" in (home.releases / "demo" / "latest" / "README.md").read_text(encoding="utf-8")


def test_a_topic_that_a_filter_empties_is_told(home, recipe):
    seeds = [row for row in rows(home, "caption_seeds", recipe) if row["topic"]]
    topics = {row["topic"].casefold() for row in seeds}
    assert len(topics) > 3
    captions = {row["id"]: row["caption"] for row in rows(home, "pretrain_dataset", recipe)}
    gone = next(row for row in seeds if row["id"] in captions)["topic"]
    longest = max(len(words(captions[row["id"]])) for row in seeds if row["topic"] == gone and row["id"] in captions)
    outcomes = materialize(home, _stricter(home, recipe, min_words=longest + 1))
    told = outcomes["selection", "all"].sidecar
    failed = checks(outcomes["selection", "all"])["topics_kept"]
    assert (failed.passed, failed.severity) == (False, "WARN")
    assert told.metrics["topics"] == len(topics)
    assert "curated_captions: too_short" in told.metrics["emptied"][gone.casefold()]["why"]
    assert failed.figures["emptied"] == told.metrics["emptied"]


def test_a_topic_that_the_selection_empties_is_told(home, recipe):
    outcomes = make_below(home, with_section(recipe, mix={"wanted": [{"task": "multiple_choice", "share": 1.0}]}))
    told = outcomes["selection"].sidecar.metrics["emptied"]
    assert any(topic["why"].startswith("selection: mix") for topic in told.values())


def test_a_contaminated_twin_gives_back_what_lost_to_it(home, recipe, tmp_path):
    near = with_section(recipe, duplicates={"words": 1, "jaccard": 0.33, "questions": False})
    make_below(home, near, until="selection")
    captions = {row["id"]: words(row["caption"]) for row in rows(home, "pretrain_dataset", recipe)}
    lost = {row["id"]: row["twin"] for row in rows(home, "near_duplicates")}
    before = {row["id"]: row["evidence"] for row in rows(home, "selection") if row["table"] == "pretrain"}
    assert before == lost
    pairs = pq.read_table(home.lake.pairs("near_duplicates", "all")).to_pylist()
    degree = Counter(row[side] for row in pairs for side in ("id_a", "id_b"))
    loser, winner = next(pair for pair in sorted(lost.items()) if degree[pair[0]] == 1)
    grams = {tuple(captions[winner][at : at + 13]) for at in range(len(captions[winner]) - 12)}
    for sample, text in captions.items():
        if sample != winner:
            grams -= {tuple(text[at : at + 13]) for at in range(len(text) - 12)}
    section = {"benchmarks": [benchmark(tmp_path / "vqa.csv", " ".join(sorted(grams)[0]))]}
    make_below(home, with_section(near, decontamination=section))
    after = {row["id"]: row for row in rows(home, "selection") if row["table"] == "pretrain"}
    assert after[winner]["reason"] == "contaminated"
    assert loser not in after
    assert not {row["evidence"] for row in after.values() if row["reason"] == "near_duplicate"} & after.keys()
    assert {row["id"]: row["twin"] for row in rows(home, "near_duplicates")} == lost
    assert list(verify(home.releases / "demo" / "latest")) == []


def test_captions_near_in_meaning_by_the_embeddings_of_the_lake_leave(home, recipe):
    make_below(home, with_section(recipe, duplicates={"cosine": 0.7}))
    shards = [home.lake.vectors("text_embeddings", shard) for shard in shard_names(recipe.shards)]
    ids, vectors = zip(*(read_vectors(path) for path in shards), strict=True)
    wide = np.concatenate(vectors).astype(float)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    names = [sample for part in ids for sample in part]
    captions = {row["id"] for row in rows(home, "pretrain_dataset", recipe)}
    true = {frozenset((names[a], names[b])) for a, b in zip(*np.nonzero(np.triu(wide @ wide.T >= 0.7, 1)), strict=True)}
    true = {pair for pair in true if pair <= captions}
    assert len(true) > 3
    pairs = pq.read_table(home.lake.pairs("near_duplicates", "all")).to_pylist()
    assert {frozenset((row["id_a"], row["id_b"])) for row in pairs if row["how"] == "semantic"} == true
    left = [row for row in rows(home, "selection") if row["table"] == "pretrain"]
    assert left
    assert all(frozenset((row["id"], row["evidence"])) in true for row in left)
    assert list(verify(home.releases / "demo" / "latest")) == []


def _stricter(home, recipe, **values):
    changed = with_section(recipe, curation=recipe.curation.model_dump() | values)
    home.adopt(changed, change=True)
    return changed


def test_only_what_changes_the_selection_makes_it_again(home, recipe):
    mixed = with_section(recipe, mix=MIX)
    assert [name for name, one in make_below(home, mixed).items() if not one.reused] == ["selection", "release"]
    assert all(one.reused for one in make_below(home, mixed).values())
    asked = with_section(mixed, duplicates={"lost_questions": 0.9})
    assert next(name for name, one in make_below(home, asked).items() if not one.reused) == "selection"
    make_below(home, mixed)
    held = with_section(mixed, release={"validation": 0.2})
    assert [name for name, one in make_below(home, held).items() if not one.reused] == ["release"]
    tools = tools_for(home, with_section(held, mix={}))
    due = backlog(tools, states(tools, upstream(tools.recipe))).release
    assert due.stage == "selection"
    assert "mix.wanted.0.share: 0.5 -> None" in due.why


def test_another_licence_makes_a_release_and_no_shard(home, recipe):
    table = recipe.model_dump()
    table["seeds"]["sources"][0]["licence"] = "LicenseRef-mine"
    changed = with_section(recipe, seeds=table["seeds"])
    home.adopt(changed, change=True)
    outcomes = materialize(home, changed)
    made = {stage for (stage, _), outcome in outcomes.items() if not outcome.reused}
    assert made == {"seed_sources", "caption_seeds", "near_duplicates", "selection", "release"}
    assert "LicenseRef-mine" in {one["licence"] for one in manifest(home)["licences"]}


def test_a_late_shard_makes_no_old_one_stale(home, recipe, tmp_path):
    mixed = with_section(recipe, mix=MIX)
    make_below(home, mixed)
    before = {name: content for name, content in data_files(home).items() if "shard-0000" in name}
    outcomes = materialize(home, mixed)
    assert all(one.reused for one in outcomes.values())
    assert {name: content for name, content in data_files(home).items() if "shard-0000" in name} == before


@pytest.mark.timeout(180)
def test_unicorn_run_selects_and_releases(tmp_path, recipe, base, capsys):
    from unicorn_assets.home import Home

    question = next(
        turn["value"].replace("<image>", "").strip().partition("\n")[0]
        for row in rows(base, "instruction_dataset", recipe)
        for turn in row["conversations"]
        if turn["from"] == "human" and len(words(turn["value"])) > 6
    )
    section = {"benchmarks": [benchmark(tmp_path / "vqa.csv", question)]}
    chosen = with_section(recipe, decontamination=section, mix=MIX)
    home = Home(tmp_path / "run")
    assert run(home, chosen) == 0
    other = Home(tmp_path / "plain")
    materialize(other, chosen)
    assert data_files(home) == data_files(other)
    facts = manifest(home)
    assert facts["selection"]["instruction"]["left"]["contaminated"] >= 1
    assert list(verify(home.releases / "demo" / "latest")) == []
    shown = capsys.readouterr().err
    assert "contamination" in shown
    with home.catalog.snapshot() as connection:
        reasons = dict(connection.execute("SELECT reason, count(*) FROM selection GROUP BY reason").fetchall())
        shared = connection.execute("SELECT count(*) FROM contamination WHERE shared <> ''").fetchone()[0]
        passed = dict(connection.execute("SELECT name, passed FROM check_results WHERE stage = 'selection'").fetchall())
    assert set(reasons) == {"contaminated", "mix"}
    assert shared >= reasons["contaminated"] >= 1
    assert passed["mix_met"]
