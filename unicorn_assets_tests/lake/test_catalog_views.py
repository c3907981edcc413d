"""The catalog's views: which stand when, and what they tell, whatever the name of the home."""

import shutil

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.engines.base import Answer, Message, Model, Request, Sampling
from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.home import Home
from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.mixing import write_requests
from unicorn_assets_tests.lake.catalogued import SHARD, asked, content, finish
from unicorn_assets_tests.lake.making import (
    COLUMNS,
    ids,
    make,
    make_all,
)

DERIVED = ("costs", "prompts", "runs", "set_aside")
"""Views that stand as soon as anything has fallen out of a stage."""


def test_views_stand_over_what_is_there(filled):
    always = [(name,) for name in DERIVED]
    assert content(filled)["views"] == sorted(
        [*always, ("expanded_captions",), ("seed_sources",), ("seeds_set_aside",)]
    )
    assert asked(filled, "SELECT count(*), count(DISTINCT id) FROM expanded_captions") == [(4, 4)]
    assert asked(filled, "SELECT outcome, count(*) FROM seeds_set_aside GROUP BY 1") == [("rejected", 2)]
    for path in (filled.lake.rows("seed_sources", ALL), filled.lake.set_aside("seed_sources", ALL)):
        path.unlink()
    finish(filled)
    assert content(filled)["views"] == sorted([*always, ("expanded_captions",)])


def test_the_columns_that_lineage_takes_are_those_of_the_stages():
    for stage, columns in COLUMNS.items():
        assert {"id", *columns} <= set(UPSTREAM[stage].columns.names)


def test_steps_make_the_views_too(home):
    make_all(home.lake, SHARD, ids(2))
    finish(home)
    with duckdb.connect(str(home.catalog.path), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM lineage").fetchall() == [(2,)]
    finish(home, shard="shard-0001", kept=ids(1, 40))
    with duckdb.connect(str(home.catalog.path), read_only=True) as connection:
        assert connection.execute("SELECT id, shard FROM expanded_captions WHERE shard <> 'shard-0000'").fetchall() == [
            (ids(1, 40)[0], "shard-0001")
        ]


@pytest.mark.parametrize("name", ["plain", 'it\'s "quoted" and spaced', "wild [a-z]* card", "key=value", "日本 é"])
def test_lineage_tells_every_row_whatever_the_name_of_home(tmp_path, name):
    home = Home(tmp_path / name / "home")
    home.prepare()
    kept = ids(4)
    make_all(home.lake, SHARD, kept)
    make(home.lake, "expanded_captions", SHARD, kept[:3], rejected=kept[3:])
    make(home.lake, "instruction_dialogs", SHARD, kept[:1], skipped=kept[1:3])
    make(home.lake, "instruction_dataset", SHARD, kept[:1])
    for stage in ("curated_captions", "text_embeddings", "synthetic_image_embeddings", "pretrain_dataset"):
        make(home.lake, stage, SHARD, kept[:2])
    with home.catalog.snapshot() as connection:
        found = connection.execute("FROM lineage ORDER BY id").fetchall()
        columns = [column[0] for column in connection.description]
        views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        for (view,) in views:
            assert "key" not in [row[0] for row in connection.execute(f"DESCRIBE {view}").fetchall()]
    assert {view for (view,) in views} == {*COLUMNS, "seed_sources", "seeds_set_aside", "lineage", *DERIVED}
    rows = [dict(zip(columns, row, strict=True)) for row in found]
    assert [row["id"] for row in rows] == kept
    marks = [
        (row["caption"] is not None, row["curated"], row["task"], row["in_pretrain"], row["in_instruction"])
        for row in rows
    ]
    assert marks == [
        (True, True, "multiple_choice", True, True),
        (True, True, None, True, False),
        (True, False, None, False, False),
        (False, False, None, False, False),
    ]
    assert {row["shard"] for row in rows} == {SHARD}
    assert [
        (row["seed"], row["source"], row["file"], row["row"], row["tokens"], row["embedded"]) for row in rows[1:3]
    ] == [
        ("s", "coco", "coco.jsonl", 7, 120, True),
        ("s", "coco", "coco.jsonl", 7, None, False),
    ]


@pytest.mark.parametrize("name", ["plain", 'it\'s "quoted" and spaced', "wild [a-z]* card", "key=value", "日本 é"])
def test_answers_and_releases_are_seen_whatever_the_name_of_home(tmp_path, name):
    home = Home(tmp_path / name / "home")
    home.prepare()
    make_all(home.lake, SHARD, ids(3))
    model, sampling = Model("rules", "m\ud800", "1"), Sampling(0.7, 0.9, 512, 1)
    with AnswerStore(home.answers("expanded_captions", SHARD)) as store:
        for sample in ids(2):
            request = Request(sample, "expansion", (Message("user", sample),), {}, "expansion-1", None, sampling)
            store.put(request.key(model), request, model, Answer("a caption", "stop", 7, 9))
        assert ("answers",) not in asked(home, "SHOW TABLES"), "a shard at work has its answers in a journal"
        store.compact()
    version = "0123456789abcdef"
    for table in ("pretrain", "validation/pretrain"):
        folder = home.releases / "mine" / version / table
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"id": ids(2)}), folder / f"{SHARD}.parquet")
    (home.releases / "mine" / "latest").symlink_to(version)
    shutil.copytree(home.releases / "mine" / version, home.releases / "mine" / "damaged" / f"{version}-1")
    query = "SELECT stage, shard, id, prompt_version, engine, model, text, prompt_tokens FROM answers ORDER BY id"
    row = ("expansion-1", "rules", None, "a caption", 7)
    assert asked(home, query) == [("expanded_captions", SHARD, sample, *row) for sample in ids(2)]
    query = 'SELECT recipe, version, split, "table", shard, count(*) FROM released GROUP BY ALL ORDER BY ALL'
    assert asked(home, query) == [("mine", version, split, "pretrain", SHARD, 2) for split in ("train", "validation")]


@pytest.mark.parametrize("name", ["plain", 'it\'s "quoted" and spaced', "wild [a-z]* card", "key=value", "日本 é"])
def test_what_seeds_are_missing_can_be_asked_for(tmp_path, name):
    home = Home(tmp_path / name / "home")
    home.prepare()
    make_all(home.lake, SHARD, ids(2))
    assert ("seed_requests",) not in asked(home, "SHOW TABLES")
    path = home.lake.requests("selection", ALL)
    path.parent.mkdir(parents=True, exist_ok=True)
    missing = [
        {"topic": 'ships, "tall" ones', "task": "question_answering", "words": "80-119", "rows": 5, "seeds": 40},
        {"topic": "007", "task": None, "words": None, "rows": 7, "seeds": None},
    ]
    write_requests(path, missing)
    assert asked(home, "FROM seed_requests") == [tuple(one.values()) for one in missing]
    assert asked(home, "SELECT sum(rows) FROM seed_requests") == [(12,)]
    write_requests(path, [])
    assert asked(home, "FROM seed_requests") == []
    path.unlink()  # the recipe wants no mix any more
    assert ("seed_requests",) not in asked(home, "SHOW TABLES")
