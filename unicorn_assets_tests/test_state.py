import os
import signal
import sqlite3

import pytest

from unicorn_assets import state
from unicorn_assets.errors import BusyError, LakeError
from unicorn_assets_tests.lake.making import PROCESSES, ended

TABLE = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY, number INTEGER)"


def put(path, *names):
    with state.opened(path, TABLE) as connection:
        for name in names:
            with state.transaction(connection):
                connection.execute("INSERT INTO things VALUES (?, 1)", (name,))


def put_twice(path):
    with state.opened(path, TABLE) as connection, state.transaction(connection):
        connection.execute("INSERT INTO things VALUES ('a', 1)")
        connection.execute("INSERT INTO things VALUES ('a', 2)")


def names(path):
    with state.opened(path, TABLE) as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM things ORDER BY name")]


def die_in_a_transaction(path):
    with state.opened(path, TABLE) as connection:
        with state.transaction(connection):
            connection.execute("INSERT INTO things VALUES ('kept', 1)")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO things VALUES ('lost', 1)")
        os.kill(os.getpid(), signal.SIGKILL)


def test_every_commit_is_synced_to_the_disk_and_readers_do_not_block(home):
    with state.opened(home.state, TABLE) as one, state.opened(home.state) as other:
        assert one.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert one.execute("PRAGMA synchronous").fetchone()[0] == 2
        with state.transaction(one):
            one.execute("INSERT INTO things VALUES ('a', 1)")
            assert other.execute("SELECT count(*) FROM things").fetchone()[0] == 0
        assert other.execute("SELECT count(*) FROM things").fetchone()[0] == 1


def test_a_transaction_that_fails_leaves_nothing(home):
    with pytest.raises(sqlite3.IntegrityError):
        put_twice(home.state)
    assert names(home.state) == []


def test_a_kill_loses_what_was_not_committed_and_nothing_else(home):
    assert ended(die_in_a_transaction, home.state) == -9
    assert names(home.state) == ["kept"]


def test_many_processes_that_come_first_all_find_their_tables(home):
    children = [PROCESSES.Process(target=put, args=(home.state, f"{n}a", f"{n}b")) for n in range(6)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0] * 6
    assert len(names(home.state)) == 12


def test_another_version_is_refused_with_what_to_do(home):
    put(home.state, "a")
    with state.opened(home.state) as connection:
        connection.execute("PRAGMA user_version = 7")
    with (
        pytest.raises(LakeError, match="has version 7; this unicorn_assets knows version 1") as caught,
        state.opened(home.state),
    ):
        pass
    assert "use the unicorn_assets that wrote it" in caught.value.cure


def test_a_file_that_is_no_database_is_named(home):
    home.path.mkdir()
    home.state.write_bytes(b"no database at all" * 100)
    with pytest.raises(LakeError, match=r"state\.sqlite is damaged"), state.opened(home.state):
        pass


def test_a_folder_in_its_place_is_named(home):
    home.state.mkdir(parents=True)
    with pytest.raises(LakeError, match=r"state\.sqlite cannot be used"), state.opened(home.state):
        pass


def test_a_writer_that_never_ends_is_told_apart(home, monkeypatch):
    monkeypatch.setattr(state, "WAIT_SECONDS", 0.1)
    with (
        state.opened(home.state, TABLE) as one,
        state.transaction(one),
        pytest.raises(BusyError, match="being written by another process"),
    ):
        put(home.state, "a")


def test_a_mistake_of_ours_is_not_dressed_up(home):
    with pytest.raises(sqlite3.OperationalError, match="no such table"), state.opened(home.state) as connection:
        connection.execute("SELECT * FROM no_such_thing")
