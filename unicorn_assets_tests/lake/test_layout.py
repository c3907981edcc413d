import shutil

import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.sidecar import Check
from unicorn_assets_tests.lake.making import ids, make

STAGE, SHARD = "caption_seeds", "shard-0000"


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(tmp_path / "lake")
    lake.open()
    make(lake, STAGE, SHARD, ids(3), rejected=ids(1, 10))
    return lake


def test_an_opened_lake_opens_again(lake):
    lake.open()
    assert lake.need(STAGE, SHARD).rows_out == 3


@pytest.mark.parametrize("text", ['{"lake_version": 2}', '{"lake_version": "1"}', '{"lake_version": null}'])
def test_a_lake_of_another_version_is_refused(lake, text):
    (lake.root / "lake.json").write_text(text)
    with pytest.raises(LakeError, match=r"lake\.json says lake version .*; this program reads version 1") as caught:
        lake.open()
    assert "another --home" in caught.value.cure


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", b"\xff\xfe"])
def test_a_lake_that_does_not_say_its_version_is_refused(lake, content):
    (lake.root / "lake.json").write_bytes(content)
    with pytest.raises(LakeError, match="does not say which version") as caught:
        lake.open()
    # The cure does mend it.
    (lake.root / "lake.json").write_text(caught.value.cure.split("write ")[1].split(" into")[0])
    lake.open()


def test_a_shard_that_was_not_made_is_named(lake):
    with pytest.raises(LakeError, match=r"caption_seeds \[shard-0007\] has not been made yet") as caught:
        lake.need(STAGE, "shard-0007")
    assert caught.value.cure == "materialize caption_seeds [shard-0007] first."


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), r"has [\d,]+ bytes instead of [\d,]+"),
        (lambda path: path.write_bytes(b""), "has 0 bytes"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "bytes instead of"),
        (lambda path: (path.unlink(), path.mkdir()), "is missing"),
    ],
)
@pytest.mark.parametrize("kind", ["rows", "set_aside"])
def test_a_file_cut_short_or_missing_is_named(lake, kind, damage, told):
    path = getattr(lake, kind)(STAGE, SHARD)
    damage(path)
    with pytest.raises(LakeError, match=told) as caught:
        lake.need(STAGE, SHARD)
    assert str(path) in caught.value.what
    assert "materialize caption_seeds [shard-0000] again" in caught.value.cure


def test_a_shard_that_failed_a_blocking_check_cannot_be_used(tmp_path):
    lake = Lake(tmp_path)
    check = Check(name="ids_unique", passed=False, blocking=True, severity="ERROR", description="")
    make(lake, STAGE, SHARD, ids(1), checks=[check])
    with pytest.raises(LakeError, match="failed its check 'ids_unique'"):
        lake.need(STAGE, SHARD)


def test_a_sidecar_that_was_copied_is_not_taken_for_another_shards(lake):
    shutil.copy(lake.sidecar_path(STAGE, SHARD), lake.sidecar_path(STAGE, "shard-0001"))
    with pytest.raises(LakeError, match=r"shard-0001.json is the sidecar of caption_seeds \[shard-0000\]"):
        lake.need(STAGE, "shard-0001")


def test_sidecars_come_by_shard_and_without_the_leftovers(lake):
    make(lake, STAGE, "shard-0002", ids(1))
    make(lake, STAGE, "shard-0001", ids(1))
    (lake.root / STAGE / ".shard-0003.json.7.tmp").write_text("{")
    assert [one.shard for one in lake.sidecars(STAGE)] == ["shard-0000", "shard-0001", "shard-0002"]
    assert lake.sidecars("expanded_captions") == []
