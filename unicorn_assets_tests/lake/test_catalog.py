import shutil
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.engines.base import Answer, Message, Model, Request, Sampling
from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.errors import BusyError, LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake import catalog as catalogs
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.locks import locked
from unicorn_assets.lake.tables import SHARD_TABLES
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.mixing import write_requests
from unicorn_assets_tests.lake.making import (
    COLUMNS,
    PROCESSES,
    ended,
    finish_shards,
    ids,
    limited,
    make,
    make_all,
    publish_and_die,
    read_for_long,
)

STAGE, SHARD = "expanded_captions", "shard-0000"


def finish(home: Home, stage: str = STAGE, shard: str = SHARD, **options) -> None:
    """Makes a shard the way a step does."""
    mark = lambda: home.catalog.mark(stage, shard)  # noqa: E731
    make(home.lake, stage, shard, options.pop("kept", ids(3)), before_publish=mark, **options)
    assert home.catalog.catch_up(wait_seconds=5)


def asked(home: Home, query: str) -> list[tuple]:
    with home.catalog.snapshot() as connection:
        return connection.execute(query).fetchall()


def content(home: Home) -> dict[str, list[tuple]]:
    """All rows of all tables, and the names of all views."""
    with home.catalog.snapshot() as connection:
        found = {table: sorted(connection.execute(f"FROM {table}").fetchall(), key=repr) for table in SHARD_TABLES}
        found["views"] = connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
    return found


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def filled(home) -> Home:
    finish(home, "seed_sources", ALL, rejected=ids(2, 10))
    finish(home, rejected=ids(2, 20), skipped=ids(1, 30))
    finish(home, shard="shard-0001", kept=ids(1, 40))
    return home


def test_what_a_step_finished_stands_in_every_table(filled):
    assert asked(
        filled,
        "SELECT rows_in, rows_out, rejected, not_selected, run_id, seconds, host, version, attempt, "
        f"fields->>'$.engine.kind', metrics->>'$.words_mean' FROM materializations "
        f"WHERE stage = '{STAGE}' AND shard = '{SHARD}'",
    ) == [(6, 3, 2, 1, "run", 1.5, "here", "0.1.0", 1, "rules", "120.5")]
    assert asked(filled, "SELECT started = TIMESTAMPTZ '2026-01-01 01:00:00+01:00' FROM materializations LIMIT 1") == [
        (True,)
    ]
    assert asked(filled, f"SELECT outcome, reason, rows FROM outcomes WHERE stage = '{STAGE}' ORDER BY ALL") == [
        ("not_selected", "not_drawn", 1),
        ("rejected", "too_short", 2),
    ]
    assert asked(filled, f"SELECT id, reason, detail, text FROM rejections WHERE stage = '{STAGE}' ORDER BY id") == [
        (sample, "too_short", "2 words", "text") for sample in ids(2, 20)
    ]
    assert asked(filled, "SELECT DISTINCT name, passed, blocking, severity, figures->>'$.rows' FROM check_results") == [
        ("rows_conserved", True, True, "ERROR", "3")
    ]
    for kind, name, size in asked(filled, f"SELECT kind, name, bytes FROM files WHERE stage = '{STAGE}'"):
        assert (filled.lake.root / STAGE / name).stat().st_size == size, kind
    assert not list(filled.catalog.pending.iterdir())


def test_a_shard_made_again_takes_the_place_of_the_old_one(filled):
    finish(filled, kept=ids(7), rejected=ids(1, 50))
    counts = "SELECT rows_out, rejected FROM materializations WHERE stage = 'expanded_captions' ORDER BY shard"
    assert asked(filled, counts) == [(7, 1), (1, 0)]
    assert asked(filled, f"SELECT id FROM rejections WHERE stage = '{STAGE}'") == [(ids(1, 50)[0],)]
    assert asked(filled, f"SELECT count(*) FROM check_results WHERE stage = '{STAGE}'") == [(2,)]


def test_catching_up_writes_what_is_new_and_nothing_else(filled):
    with duckdb.connect(str(filled.catalog.path)) as connection:
        connection.execute("UPDATE materializations SET host = 'untouched' WHERE shard = 'shard-0001'")
    finish(filled)
    hosts = "SELECT host FROM materializations ORDER BY stage, shard"
    assert asked(filled, hosts) == [("here",), ("untouched",), ("here",)]
    filled.catalog.rebuild()
    assert asked(filled, hosts) == [("here",)] * 3


def test_rebuilding_gives_the_same_catalog(filled):
    before = content(filled)
    filled.catalog.rebuild()
    assert content(filled) == before
    assert all(before.values())


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: (path.unlink(), Path(f"{path}.wal").write_bytes(b"junk" * 50)),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"garbage" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:9000]),
        lambda path: (path.unlink(), duckdb.connect(path).execute("CREATE TABLE files(a INT)").close()),
    ],
    ids=["deleted", "deleted, log left", "empty", "garbage", "cut short", "another database"],
)
def test_a_catalog_that_is_gone_or_of_no_use_is_made_anew_and_loses_nothing(filled, damage):
    before = content(filled)
    damage(filled.catalog.path)
    assert content(filled) == before
    damage(filled.catalog.path)
    finish(filled, shard="shard-0002")
    assert len(content(filled)["materializations"]) == 4


def test_a_folder_in_its_place_is_named(filled):
    filled.catalog.path.unlink()
    filled.catalog.path.mkdir()
    with pytest.raises(LakeError, match=r"catalog\.duckdb cannot be written: Is a directory"):
        content(filled)


def test_a_mark_without_a_shard_waits_for_it_and_harms_nobody(filled):
    before = content(filled)
    filled.catalog.mark(STAGE, "shard-0005")
    assert content(filled) == before
    finish(filled, shard="shard-0001", kept=ids(1, 40))
    assert content(filled) == before
    finish(filled, shard="shard-0005")
    assert len(content(filled)["materializations"]) == 4
    assert not list(filled.catalog.pending.iterdir())


def test_a_shard_that_is_gone_leaves_the_catalog_with_its_next_mark(filled):
    filled.lake.sidecar_path(STAGE, "shard-0001").unlink()
    filled.catalog.mark(STAGE, "shard-0001")
    assert asked(filled, f"SELECT shard FROM materializations WHERE stage = '{STAGE}'") == [(SHARD,)]


@pytest.mark.parametrize("stood", [True, False])
def test_somebody_catching_up_between_a_mark_and_its_shard_loses_nothing(filled, stood):
    shard = SHARD if stood else "shard-0009"

    def others_are_quick() -> None:
        filled.catalog.mark(STAGE, shard)
        assert filled.catalog.catch_up(wait_seconds=5)

    time.sleep(0.05)  # a file system's clock may stand still for some milliseconds
    make(filled.lake, STAGE, shard, ids(9), before_publish=others_are_quick)
    assert asked(filled, f"SELECT rows_out FROM materializations WHERE stage = '{STAGE}' AND shard = '{shard}'") == [
        (9,)
    ]
    assert not list(filled.catalog.pending.iterdir())


def test_a_kill_between_publishing_and_catching_up_is_made_good_by_the_next(home):
    finish(home, shard="shard-0001")
    assert ended(publish_and_die, home.path, STAGE, SHARD) == -9
    finish(home, shard="shard-0002")
    assert asked(home, "SELECT shard FROM materializations ORDER BY ALL") == [
        (SHARD,),
        ("shard-0001",),
        ("shard-0002",),
    ]


def test_four_processes_that_finish_shards_at_once_lose_nothing(home):
    children = [
        PROCESSES.Process(target=finish_shards, args=(home.path, STAGE, range(start, start + 5)))
        for start in (0, 5, 10, 15)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    found = content(home)
    assert len(found["materializations"]) == 20
    assert len(found["rejections"]) == 40
    assert not list(home.catalog.pending.iterdir())
    home.catalog.rebuild()
    assert content(home) == found


def test_a_reader_that_stays_open_blocks_nobody_and_sees_one_moment(filled):
    here, there = PROCESSES.Pipe()
    child = PROCESSES.Process(target=read_for_long, args=(filled.path, there))
    child.start()
    there.close()
    assert here.recv() == [(3,)]
    finish(filled, shard="shard-0002")
    assert asked(filled, "SELECT count(*) FROM materializations") == [(4,)]
    filled.catalog.rebuild()
    here.send("go on")
    assert here.recv() == [(3,)]
    child.join(60)
    assert child.exitcode == 0


def test_a_reader_of_the_file_itself_blocks_nobody_either(filled):
    here, there = PROCESSES.Pipe()
    child = PROCESSES.Process(target=hold_open, args=(filled.catalog.path, there))
    child.start()
    there.close()
    here.recv()
    finish(filled, shard="shard-0002")
    assert len(content(filled)["materializations"]) == 4
    here.send("stop")
    child.join(60)
    assert child.exitcode == 0


def hold_open(path: Path, tell) -> None:
    with duckdb.connect(str(path), read_only=True) as connection:
        tell.send(connection.execute("SELECT 1").fetchall())
        tell.recv()


def test_a_step_does_not_wait_for_who_holds_the_catalog(home, monkeypatch):
    with locked(home.catalog.lock, what="the catalog", wait_seconds=0):
        make(home.lake, STAGE, SHARD, ids(1), before_publish=lambda: home.catalog.mark(STAGE, SHARD))
        begun = time.monotonic()
        assert not home.catalog.catch_up(wait_seconds=0.1)
        assert time.monotonic() - begun < 5
        monkeypatch.setattr(catalogs, "READER_WAIT_SECONDS", 0.1)
        with pytest.raises(BusyError, match="the catalog"):
            asked(home, "SELECT 1")
    assert asked(home, "SELECT rows_out FROM materializations") == [(1,)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda lake: lake.sidecar_path(STAGE, SHARD).write_text("{"),
        lambda lake: lake.rows(STAGE, SHARD).write_bytes(b"x"),
        lambda lake: lake.set_aside(STAGE, SHARD).unlink(),
        lambda lake: overwrite(lake.set_aside(STAGE, SHARD)),
        lambda lake: overwrite(lake.rows(STAGE, SHARD)),
        lambda lake: shutil.copy(lake.sidecar_path(STAGE, SHARD), lake.sidecar_path(STAGE, "shard-0000 (copy)")),
    ],
    ids=["sidecar", "rows cut", "set aside missing", "set aside garbage", "rows garbage", "copied sidecar"],
)
def test_a_damaged_shard_stops_no_other_and_is_back_when_mended(filled, damage):
    damage(filled.lake)
    filled.catalog.rebuild()
    finish(filled, shard="shard-0002")
    others = {(ALL,), ("shard-0001",), ("shard-0002",)}
    assert others <= set(asked(filled, "SELECT shard FROM materializations"))
    finish(filled, rejected=ids(2, 20), skipped=ids(1, 30))
    assert {*others, (SHARD,)} == set(asked(filled, "SELECT shard FROM materializations"))
    assert asked(filled, f"SELECT count(*) FROM rejections WHERE stage = '{STAGE}'") == [(2,)]
    assert asked(filled, f"SELECT count(*) FROM {STAGE}") == [(3 + 1 + 3,)]


def overwrite(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def catch_up(path: Path) -> None:
    Home(path).catalog.catch_up(wait_seconds=5)


def test_a_full_disk_says_so_and_loses_nothing(filled):
    before = content(filled)
    filled.catalog.path.unlink()
    told = limited(20_000, catch_up, filled.path)
    assert told.startswith(f"LakeError The catalog {filled.catalog.path} cannot be written:")
    assert "File too large" in told
    assert "see that disk and memory are not full" in told
    assert content(filled) == before


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
