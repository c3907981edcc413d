"""The catalog's tables: brought up to date, made anew, read and damaged, with many at it."""

import shutil
import time
from pathlib import Path

import duckdb
import pytest

from unicorn_assets.errors import BusyError, LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake import catalog as catalogs
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.locks import locked
from unicorn_assets_tests.lake.catalogued import SHARD, STAGE, asked, content, finish
from unicorn_assets_tests.lake.making import (
    PROCESSES,
    ended,
    finish_shards,
    ids,
    limited,
    make,
    publish_and_die,
    read_for_long,
)


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
