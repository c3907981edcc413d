"""kill -9, power cuts and full disks, for real: what `put` has returned for is there."""

import random
import resource
import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from unicorn_assets.engines.store import AnswerReader, AnswerStore
from unicorn_assets.errors import LakeError
from unicorn_assets_tests.engines.store_answers import PROCESSES, asked, filled, killed_at, put, put_and_tell

ANSWERS = 4000


def standing(path: Path, numbers) -> None:
    """Asserts that exactly these answers are in the store."""
    with AnswerStore(path) as store:
        assert len(store) == len(numbers)
        for number in numbers:
            key, _, answer = asked(number)
            assert store.get(key) == answer


def compacted_bytes(path: Path) -> bytes:
    with AnswerStore(path) as store:
        store.compact()
    return path.with_name(f"{path.name}.parquet").read_bytes()


def test_no_answer_is_lost_to_twenty_kills(tmp_path):
    path, told, draw = tmp_path / "shard-0000", set(), random.Random(1)
    for _ in range(20):
        here, there = PROCESSES.Pipe(duplex=False)
        child = PROCESSES.Process(target=put_and_tell, args=(path, ANSWERS, there))
        child.start()
        there.close()
        news = [here.recv()]
        deadline = time.monotonic() + draw.uniform(0, 0.03)
        while time.monotonic() < deadline:
            if here.poll(0.001):
                news.append(here.recv())
        child.kill()
        child.join()
        while True:
            try:
                news.append(here.recv())
            except EOFError:
                break
        assert not told & set(news), "asked again"
        told |= set(news)
        with AnswerStore(path) as store:
            assert all(key in store for key in told)
            # At most the answer that was stored when the kill came has not been told.
            assert len(store) <= len(told) + 1
            told |= {key for key in (asked(number)[0] for number in range(len(store))) if key in store}
    count = len(told)
    assert 20 <= count < ANSWERS
    standing(path, range(count))
    filled(tmp_path / "undisturbed", range(count))
    assert compacted_bytes(path) == compacted_bytes(tmp_path / "undisturbed")


def test_a_torn_last_record_is_cut_off_wherever_it_is_torn(tmp_path):
    path = tmp_path / "shard-0000"
    journal = tmp_path / "shard-0000.journal"
    filled(path, range(2))
    good = journal.stat().st_size
    filled(path, range(3))
    whole = journal.read_bytes()
    for size in range(good, len(whole)):
        journal.write_bytes(whole[:size])
        with AnswerStore(path) as store:
            assert (len(store), store.recovered_bytes, store.damage) == (2, size - good, [])
            assert journal.stat().st_size == good
    filled(path, range(3))
    assert journal.read_bytes() == whole


@pytest.mark.parametrize("tail", [bytes(5000), b"\xff" * 5000, b"\xffUA\x01" * 1000, b"{}"])
def test_what_a_power_cut_leaves_behind_is_cut_off(tmp_path, tail):
    path = tmp_path / "shard-0000"
    filled(path, range(3))
    with (tmp_path / "shard-0000.journal").open("ab") as file:
        file.write(tail)
    standing(path, range(3))


@pytest.mark.parametrize("size", [1, 3, 27, 28, 29])
def test_a_journal_torn_in_its_first_record_starts_again(tmp_path, size):
    path, journal = tmp_path / "shard-0000", tmp_path / "shard-0000.journal"
    filled(path, range(1))
    for start in (journal.read_bytes()[:size], bytes(size)):
        journal.write_bytes(start)
        filled(path, range(2))
        standing(path, range(2))


def _compact(store: AnswerStore) -> None:
    store.compact()


def _killed_everywhere(tmp_path: Path, work):
    """Yields a copy of one store after each kill during `work`; at last one where the work was done."""
    start = tmp_path / "start"
    filled(start / "shard-0000", range(6))
    compacted_bytes(start / "shard-0000")
    filled(start / "shard-0000", range(9))
    for call in range(100):
        folder = tmp_path / f"killed at {call}"
        shutil.copytree(start, folder)
        child = PROCESSES.Process(target=killed_at, args=(folder / "shard-0000", call, work))
        child.start()
        child.join()
        yield folder / "shard-0000"
        if child.exitcode == 0:
            assert call >= 6
            return
    raise AssertionError("never came to an end")


def test_a_kill_while_compacting_loses_and_doubles_nothing(tmp_path):
    filled(tmp_path / "undisturbed", range(9))
    expected = compacted_bytes(tmp_path / "undisturbed")
    for path in _killed_everywhere(tmp_path, _compact):
        standing(path, range(9))
        assert compacted_bytes(path) == expected
        assert sorted(one.name for one in path.parent.iterdir()) == ["shard-0000.lock", "shard-0000.parquet"]


def _fill_a_small_disk(path: Path, tell) -> None:
    """Reports what happened, since an assertion would not leave the child."""
    no_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    stored = []
    with AnswerStore(path) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, no_limit[1]))
        try:
            for number in range(1000):
                stored.append(put(store, number, "text " * 200))
        except LakeError as error:
            tell.send(str(error))
        tell.send(AnswerReader(path).recovered_bytes)
        tell.send(sum(store.get(key) is not None for key in stored))
        try:
            put(store, len(stored), "")
            tell.send("room")
        except LakeError:
            tell.send("no room")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, no_limit[1]))
        try:
            store.compact()
        except LakeError as error:
            tell.send(str(error))
        tell.send(sum(store.get(key) is not None for key in stored))
        resource.setrlimit(resource.RLIMIT_FSIZE, no_limit)
        put(store, 2000)
        store.compact()
    tell.send(len(stored))


def test_a_disk_that_fills_up_keeps_every_answer_before(tmp_path):
    path = tmp_path / "shard-0000"
    here, there = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=_fill_a_small_disk, args=(path, there))
    child.start()
    there.close()
    message, torn, readable, small, compacting, still_readable, stored = [here.recv() for _ in range(7)]
    child.join()
    assert child.exitcode == 0
    assert "shard-0000.journal cannot be written" in message
    assert "To mend it" in message
    assert "shard-0000.parquet cannot be written" in compacting
    assert (torn, stored > 50) == (0, True)
    assert readable == still_readable == stored
    with AnswerStore(path) as store:
        assert len(store) == stored + 1 + (small == "room")
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_is_named_as_such(tmp_path):
    (tmp_path / "shard-0000.journal").symlink_to("/dev/full")
    with AnswerStore(tmp_path / "shard-0000") as store:
        for _ in range(2):
            with pytest.raises(LakeError, match=r"(?s)shard-0000\.journal.*the disk is full"):
                put(store, 1)
        assert len(store) == 0


def test_answers_that_cannot_be_made_durable_stop_the_work_within_a_second(tmp_path):
    # /dev/null takes every byte and refuses to sync.
    (tmp_path / "shard-0000.journal").symlink_to("/dev/null")
    store = AnswerStore(tmp_path / "shard-0000")
    put(store, 1)
    time.sleep(1)
    for refused in (partial(put, store, 2), store.sync, store.close):
        with pytest.raises(LakeError, match=r"shard-0000\.journal cannot be written"):
            refused()
    AnswerStore(tmp_path / "shard-0000", wait_seconds=0).close()
