"""docs/lineage.md: its five questions, asked of a home and answered by counting."""

import json
import re
import shutil
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from unicorn_assets.engines.rules.engine import RulesEngine
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets.release.manifest import read
from unicorn_assets.settings import update
from unicorn_assets.synthesis import prompts
from unicorn_assets_tests.conftest import materialize

PAGE = (CHECKOUT / "docs" / "lineage.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^### (.*?)$.*?^```sql\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))
WRITTEN = {"expansion-1": 100, "expansion-2": 120}
READ = 10


class Reports:
    """What an engine that counts tokens tells of itself."""

    retries = prompt_tokens = completion_tokens = 0


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """Where the home stands that every test gets a copy of."""
    return Home(tmp_path_factory.mktemp("master") / "home")


@pytest.fixture
def home(master, home, recipe, monkeypatch):
    if not master.path.exists():
        fill(master, recipe, monkeypatch)
    shutil.copytree(master.path, home.path, symlinks=True)
    return home


def fill(home, recipe, monkeypatch):
    """Made twice, with two versions of the prompt, by an engine that counts tokens and spoils every fourth dialog."""
    plain, told = RulesEngine.generate, Reports()

    def counting(self, requests):
        for request, answer in plain(self, requests):
            text = answer.text
            if request.prompt_version == "expansion-2" and int(request.id, 16) % 2:
                text += " The scene is calm."
            if request.task != "expansion" and int(request.id, 16) % 4 == 0:
                text = "I cannot do that."
            written = WRITTEN.get(request.prompt_version, 50)
            told.prompt_tokens += READ
            told.completion_tokens += written
            yield request, replace(answer, text=text, prompt_tokens=READ, completion_tokens=written)

    monkeypatch.setattr(RulesEngine, "generate", counting)
    monkeypatch.setattr(RulesEngine, "stats", property(lambda self: replace_stats(told)), raising=False)
    strict = recipe.model_copy(update={"curation": recipe.curation.model_copy(update={"min_words": 85})})
    home.prepare()
    update(home.path, "prices", completion_million=1000.0)
    materialize(home, strict)
    template = prompts.TEMPLATES["expansion"]
    monkeypatch.setitem(prompts.TEMPLATES, "expansion", replace(template, version="expansion-2"))
    materialize(home, strict)
    monkeypatch.undo()


def replace_stats(told):
    now = Reports()
    now.prompt_tokens, now.completion_tokens = told.prompt_tokens, told.completion_tokens
    return now


@pytest.fixture
def ask(home):
    def answered(question):
        with home.catalog.snapshot() as connection:
            found = connection.execute(QUESTIONS[question])
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    return answered


def rows(home, path, stage):
    return [row for shard in shard_names(3) for row in read_rows(path(stage, shard))]


def test_the_page_has_five_questions():
    assert len(QUESTIONS) == 5


def test_which_seeds_gave_the_rejected_dialogs(home, ask):
    gone = [row for row in rows(home, home.lake.set_aside, "instruction_dialogs") if row["outcome"] == "rejected"]
    seeds = {row["id"]: row for row in rows(home, home.lake.rows, "caption_seeds")}
    found = ask("Which seeds gave the rejected dialogs?")
    assert len(gone) > 2
    assert Counter((row["seed"], row["file"], row["row"], row["reason"]) for row in found) == Counter(
        (seeds[row["id"]]["seed"], seeds[row["id"]]["file"], seeds[row["id"]]["row"], row["reason"]) for row in gone
    )


def test_what_the_second_prompt_changed(home, ask):
    (found,) = ask("What did prompt v2 change?")
    ids = [row["id"] for row in rows(home, home.lake.rows, "caption_seeds")]
    assert found["seeds"] == len(ids)
    assert found["rewritten"] == sum(int(one, 16) % 2 for one in ids)
    assert (found["tokens_v1"], found["tokens_v2"]) == (100 * len(ids), 120 * len(ids))
    grown = (found["characters_v2"] - found["characters_v1"]) * len(ids)
    assert grown == pytest.approx(len(" The scene is calm.") * found["rewritten"])


def test_what_a_kept_dialog_costs_by_filter(home, ask):
    tokens = defaultdict(int)
    for stage in ("expanded_captions", "instruction_dialogs"):
        for shard in shard_names(3):
            with_tokens = home.answers(stage, shard).with_suffix(".parquet")
            for row in read_rows(with_tokens, ["id", "prompt_tokens", "completion_tokens"]):
                tokens[row["id"]] += row["prompt_tokens"] + row["completion_tokens"]
    expected = Counter()
    fell = {}
    for stage in ("curated_captions", "instruction_dialogs", "instruction_dataset"):
        fell |= {row["id"]: f"{stage}: {row['reason']}" for row in rows(home, home.lake.set_aside, stage)}
    for sample, count in tokens.items():
        expected[fell.get(sample, "kept")] += count
    found = ask("What does a kept dialog cost, and how much of that is each filter's doing?")
    assert {row["filter"]: row["tokens"] for row in found} == expected
    assert {"kept", "curated_captions: too_short", "instruction_dialogs: not_drawn"} < set(expected)
    dialogs = len(rows(home, home.lake.rows, "instruction_dataset"))
    assert all(row["tokens_per_kept_dialog"] == pytest.approx(row["tokens"] / dialogs) for row in found)
    assert all(row["money_per_kept_dialog"] > 0 for row in found)


def test_which_licences_each_release_rests_on(home, ask):
    found = ask("Which licences does each release rest on?")
    folders = [path for path in (home.releases / "demo").iterdir() if not path.is_symlink()]
    assert len(folders) == 2
    for folder in folders:
        for table in ("pretrain", "instruction"):
            told = {one.source: getattr(one, table) for one in read(folder).licences if getattr(one, table)}
            mine = [row for row in found if (row["version"], row["table"]) == (folder.name, table)]
            assert {row["source"]: row["rows"] for row in mine} == told
            assert {row["licence"] for row in mine} == {"CC0-1.0"}


def test_which_releases_still_carry_what_was_withdrawn(home, ask, recipe):
    question = "Which releases still carry what was withdrawn?"
    assert ask(question) == []
    latest = (home.releases / "demo" / "latest").resolve()
    sample = next(read_rows(latest / "pretrain" / "shard-0000.parquet", ["id"]))["id"]
    home.withdrawals.add("seed", sample, "a question")
    materialize(home, home.recipe())
    carried = [
        path.name for path in (home.releases / "demo").glob("*") if sample in ids_of(path) and path.name != "latest"
    ]
    assert latest.name in carried
    assert ask(question) == [{"recipe": "demo", "version": name, "samples": 1} for name in sorted(carried)]


def ids_of(folder):
    return {row["id"] for path in folder.glob("pretrain/*.parquet") for row in read_rows(path, ["id"])}


def test_the_tables_that_the_page_names_are_there_and_no_other_is(home):
    named = set(re.findall(r"`(\w+)`", PAGE.partition("| table or view |")[2].partition("\n\n")[0]))
    with home.catalog.snapshot() as connection:
        there = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
    stages = {path.name for path in home.lake.root.iterdir() if path.is_dir()} - {"modality_alignment"}
    assert named - {"seed_sources", "seed_requests"} == there - stages  # no mix is wanted here


def test_runs_and_prompts_tell_of_every_shard(home):
    with home.catalog.snapshot() as connection:
        found = connection.execute("SELECT task, prompt_version, engine, sampling, count(*) FROM prompts GROUP BY ALL")
        told = {row[0]: row[1:] for row in found.fetchall()}
        runs = connection.execute("SELECT run_id, stages, shards FROM runs").fetchall()
    assert set(told) == {"expansion", "multiple_choice", "question_answering", "complex_reasoning"}
    assert told["expansion"][:2] == ("expansion-2", "rules")
    assert told["multiple_choice"][0] == "multiple_choice-1"
    assert json.loads(told["multiple_choice"][2])["max_tokens"] == 1536
    assert {row[-1] for row in told.values()} == {3}
    assert [(run, shards) for run, _, shards in runs] == [("test", 4)]
