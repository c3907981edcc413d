"""Shards appear whole or not at all, wherever their writer is killed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.files import explained, sha256
from unicorn_assets.lake.layout import Lake
from unicorn_assets_tests.lake.making import ended, ids, killed_at, limited, make

STAGE, SHARD = "expanded", "shard-0000"


def old(root: Path) -> None:
    make(Lake(root), STAGE, SHARD, ids(4), rejected=ids(1, 10), text="old")


def new(root: Path) -> None:
    make(Lake(root), STAGE, SHARD, ids(9), rejected=ids(3, 20), text="new")


def interrupted(root: Path, happens: Callable[[], object]) -> None:
    """Something happens while drafts are unfinished and a scratch folder is in use."""
    with Drafts(Lake(root), STAGE, SHARD) as drafts:
        drafts.add("rows").write_bytes(b"half")
        (drafts.folder() / "work").write_bytes(b"x")
        happens()


def killed_in_making(root: Path) -> None:
    interrupted(root, lambda: os.kill(os.getpid(), 9))


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def lakes(tmp_path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What stands after the old and after the new writer, undisturbed."""
    found = []
    for name, write in (("old", old), ("new", new)):
        write(tmp_path / name)
        found.append(everything(tmp_path / name))
    return found[0], found[1]


@pytest.mark.parametrize("stood", [True, False])
def test_killed_at_any_step_the_old_shard_stands_or_none_or_the_new_one(tmp_path, lakes, stood):
    before, after = lakes if stood else ({}, lakes[1])
    path = f"{STAGE}/{SHARD}.json"
    seen = []
    for call in range(40):
        root = tmp_path / f"lake {call}"
        root.mkdir()
        if stood:
            old(root)
        status = ended(killed_at, call, new, root)
        standing = {name: data for name, data in everything(root).items() if not name.endswith(".tmp")}
        if path in standing:
            assert standing in (before, after), "a mix"
            found = Lake(root).need(STAGE, SHARD)
            for data in found.files.values():
                assert sha256(root / STAGE / data.name) == data.sha256
        else:
            with pytest.raises(LakeError, match="has not been made yet"):
                Lake(root).need(STAGE, SHARD)
        seen.append("none" if path not in standing else "old" if standing == before else "new")
        # The next writer clears what was left and makes the very same shard.
        new(root)
        assert everything(root) == after
        if status == 0:
            break
        assert status == -9
    assert seen == sorted(seen, key=["old", "none", "new"].index)
    assert set(seen) == ({"old", "none", "new"} if stood else {"none", "new"})
    assert len(seen) >= 8


def test_what_a_killed_writer_left_is_cleared_by_the_next_one_of_that_shard(tmp_path, lakes):
    assert ended(killed_in_making, tmp_path / "lake") == -9
    left = [path.name for path in (tmp_path / "lake" / STAGE).iterdir() if path.name.endswith(".tmp")]
    assert len(left) == 2
    with Drafts(Lake(tmp_path / "lake"), STAGE, "shard-0001"):
        assert all((tmp_path / "lake" / STAGE / name).exists() for name in left)
    new(tmp_path / "lake")
    assert everything(tmp_path / "lake") == lakes[1]
    assert sorted(path.name for path in (tmp_path / "lake" / STAGE).iterdir()) == [
        "set_aside",
        f"{SHARD}.json",
        f"{SHARD}.parquet",
    ]


def test_an_error_while_making_leaves_the_old_shard_and_no_drafts(tmp_path, lakes):
    root = tmp_path / "lake"
    old(root)
    with pytest.raises(KeyError):
        interrupted(root, lambda: {}["nothing"])
    assert everything(root) == lakes[0]


def test_drafts_that_were_not_published_leave_nothing(tmp_path, lakes):
    with Drafts(Lake(tmp_path / "lake"), STAGE, SHARD) as drafts:
        drafts.add("vectors").write_bytes(b"x")
    assert everything(tmp_path / "lake") == {}


def written(root: Path) -> None:
    with explained(root):
        make(Lake(root), STAGE, SHARD, ids(9), rejected=ids(3, 20), text=os.urandom(40_000).hex())


def test_on_a_full_disk_the_old_shard_stands_and_the_error_names_the_cure(tmp_path, lakes):
    root = tmp_path / "lake"
    old(root)
    told = limited(30_000, written, root)
    assert told.startswith("LakeError ")
    assert "cannot be written: File too large." in told
    assert told.count("\n") == 1, "nothing beside the one error"
    assert everything(root) == lakes[0]


@pytest.mark.parametrize("place", ["file", "file/lake", "/proc/lake", "/sys/lake"])
def test_a_lake_that_cannot_be_written_is_named(tmp_path, place):
    # As root, permissions do not hold: these places take no files from anybody.
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot be written"):
        Drafts(Lake(tmp_path / place), STAGE, SHARD)


def test_data_files_are_named_from_the_stage_and_hashed(tmp_path):
    found = make(Lake(tmp_path), STAGE, SHARD, ids(2)).files
    assert {kind: data.name for kind, data in found.items()} == {
        "rows": f"{SHARD}.parquet",
        "set_aside": f"set_aside/{SHARD}.parquet",
    }
    for data in found.values():
        assert data.bytes == (tmp_path / STAGE / data.name).stat().st_size
        assert data.sha256 == sha256(tmp_path / STAGE / data.name)
