"""Tombstones: durable at once, told apart from what a kill leaves, and never dropped in silence."""

import json
import os
import signal

import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake.withdrawals import Withdrawal, Withdrawals, names
from unicorn_assets_tests.lake.making import ended, killed_at, limited

ID = "0123456789abcdef0123"


@pytest.fixture
def file(tmp_path) -> Withdrawals:
    return Home(tmp_path).withdrawals


def add(path, name=ID):
    Home(path).withdrawals.add("seed", name, "asked for by its author")


def torn(home, count):
    """Writes a line of which only so many bytes reach the file, and dies."""
    real = os.write

    def writing(descriptor, data):
        ours = b'"kind"' in bytes(data)
        written = real(descriptor, data[:count] if ours else data)
        if ours:
            os.kill(os.getpid(), signal.SIGKILL)
        return written

    os.write = writing
    add(home)


def test_a_home_without_withdrawals_has_no_file(file):
    assert file.in_force() == ()
    assert not file.path.exists()


def test_lines_are_kept_in_order_and_the_last_of_a_name_counts(file):
    first, new = file.add("seed", ID, "spam")
    assert new
    assert (first.kind, first.name, first.why) == ("seed", ID, "spam")
    file.add("source", "coco", "its licence ended")
    assert file.add("seed", ID, "another reason") == (first, False), "a withdrawal is idempotent"
    file.add("seed", ID, "it was a mistake", undo=True)
    assert [one.name for one in file.in_force()] == ["coco"]
    again, new = file.add("seed", ID, "spam after all")
    assert new
    assert file.in_force() == (again, file.read().lines[1])
    assert [json.loads(line).get("undone", False) for line in file.path.read_text().splitlines()] == [
        False,
        False,
        True,
        False,
    ]


def test_a_licence_is_the_same_in_any_case(file):
    file.add("licence", "CC-BY-NC-4.0", "not for sale")
    assert file.add("licence", "cc-by-nc-4.0", "again")[1] is False
    assert names(file.in_force()[0])("", "any", "Cc-By-Nc-4.0")
    assert not names(file.in_force()[0])("", "any", "CC-BY-4.0")


def test_what_is_not_withdrawn_cannot_be_taken_back(file):
    with pytest.raises(LakeError, match="is not withdrawn"):
        file.add("source", "coco", "why not", undo=True)


@pytest.mark.parametrize("count", [0, 1, 40])
def test_a_kill_in_the_middle_of_a_line_costs_that_line_alone(tmp_path, file, count):
    add(tmp_path, "f" * 20)
    assert ended(torn, tmp_path, count) == -signal.SIGKILL
    log = file.read()
    assert (len(log.lines), log.torn) == (1, count)
    add(tmp_path)
    log = file.read()
    assert [one.name for one in log.lines] == ["f" * 20, ID]
    assert log.torn == 0


@pytest.mark.parametrize("call", [0, 1])
def test_a_kill_before_the_disk_has_confirmed_keeps_the_file_readable(tmp_path, file, call):
    assert ended(killed_at, call, add, tmp_path) == -signal.SIGKILL
    assert [one.name for one in file.in_force()] == [ID], "a line that stands counts, even before anybody was told"
    assert file.add("seed", ID, "again")[1] is False


def test_a_line_that_only_lacks_its_end_counts_and_the_next_one_is_its_own(tmp_path, file):
    add(tmp_path)
    file.path.write_bytes(file.path.read_bytes()[:-1])
    assert len(file.in_force()) == 1
    add(tmp_path, "f" * 20)
    assert len(file.path.read_text().splitlines()) == len(file.in_force()) == 2


def test_a_full_disk_is_told_and_leaves_what_stood(tmp_path, file):
    add(tmp_path, "f" * 20)
    told = limited(file.path.stat().st_size + 10, add, tmp_path)
    assert "withdrawn.jsonl cannot be written" in told
    assert [one.name for one in file.in_force()] == ["f" * 20]


@pytest.mark.parametrize("damage", [b"garbage\n", b"\n", b'{"kind":"seed","name":"x"}\n', b"\xff\x00\n"])
def test_a_damaged_line_stops_everything_rather_than_let_a_seed_come_back(tmp_path, file, damage):
    add(tmp_path)
    file.path.write_bytes(damage + file.path.read_bytes())
    with pytest.raises(LakeError, match=r"Line 1 of .*withdrawn.jsonl"):
        file.in_force()
    with pytest.raises(LakeError, match="Line 1"):
        add(tmp_path, "f" * 20)


def test_a_file_that_cannot_be_read_is_no_empty_one(file):
    file.path.mkdir()
    with pytest.raises(LakeError, match="cannot be read"):
        file.in_force()


def test_a_tombstone_names_rows_by_id_source_or_licence():
    def named(kind, name):
        return names(Withdrawal(kind=kind, name=name, why="", when=""))(ID, "coco", "CC0-1.0")

    for right in (("seed", ID), ("source", "coco"), ("licence", "cc0-1.0")):
        assert named(*right)
    for wrong in (("seed", "coco"), ("source", ID), ("source", "COCO"), ("licence", "coco")):
        assert not named(*wrong)
