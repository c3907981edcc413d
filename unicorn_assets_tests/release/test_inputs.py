"""Every way in which the lake, or the disk, may not allow a release."""

import errno
import re
import resource
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.lake.sidecar import Check
from unicorn_assets.release.build import Coverage, build
from unicorn_assets_tests.release.lakes import SmallLake, recipe

SHARD = "shard-0001"


def release(small: SmallLake, folder: Path) -> None:
    build(small.lake, recipe(), small.shards, Coverage(2, 2), folder / "draft")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


READ: dict[str, Callable[[SmallLake], Path]] = {
    "pretrain rows": lambda small: small.lake.rows("pretrain_dataset", SHARD),
    "instruction rows": lambda small: small.lake.rows("instruction_dataset", SHARD),
    "vectors": lambda small: small.lake.vectors("synthetic_image_embeddings", SHARD),
    "seeds": lambda small: small.lake.rows("caption_seeds", SHARD),
    "transfer": lambda small: small.lake.transfer("modality_alignment", ALL),
}


@pytest.mark.parametrize("which", READ)
def test_a_flipped_bit_is_found_and_named(small: SmallLake, tmp_path: Path, which: str) -> None:
    path = READ[which](small)
    flip(path)
    with pytest.raises(LakeError, match="its content is not what its sidecar describes") as error:
        release(small, tmp_path)
    assert str(path) in error.value.what
    assert f"materialize {path.parent.name} [{path.stem}] again" in error.value.cure


@pytest.mark.parametrize("which", READ)
def test_a_file_cut_short_is_found_and_named(small: SmallLake, tmp_path: Path, which: str) -> None:
    path = READ[which](small)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LakeError, match="bytes instead of") as error:
        release(small, tmp_path)
    assert str(path) in error.value.what


def test_a_stage_that_was_never_made_is_named(small: SmallLake, tmp_path: Path) -> None:
    small.lake.sidecar_path("curated_captions", SHARD).unlink()
    with pytest.raises(LakeError, match=r"curated_captions \[shard-0001\] has not been made yet"):
        release(small, tmp_path)


def test_a_failed_blocking_check_stops_the_release(small: SmallLake, tmp_path: Path) -> None:
    failed = Check(name="one_image_token", passed=False, blocking=True, severity="ERROR", description="…")
    small.dataset("pretrain_dataset", SHARD, [], checks=[failed])
    with pytest.raises(LakeError, match="failed its check 'one_image_token'"):
        release(small, tmp_path)


def test_a_row_without_a_vector_is_named(small: SmallLake, tmp_path: Path) -> None:
    samples = small.of(SHARD, small.kept)
    lost = samples.pop(1)
    small.images(SHARD, samples)
    with pytest.raises(LakeError, match=f"Sample {lost} has no vector in .*{SHARD}.arrow") as error:
        release(small, tmp_path)
    assert f"materialize pretrain_dataset [{SHARD}]" in error.value.cure


def test_a_row_without_a_seed_is_named(small: SmallLake, tmp_path: Path) -> None:
    samples = small.of(SHARD, list(small.captions))
    lost = small.of(SHARD, small.released)[-1]
    small.seeds(SHARD, [one for one in samples if one != lost])
    with pytest.raises(LakeError, match=f"Sample {lost} has no seed in .*{SHARD}.parquet"):
        release(small, tmp_path)


def test_rows_made_from_other_vectors_than_those_that_stand_are_refused(small: SmallLake, tmp_path: Path) -> None:
    small.images(SHARD, small.of(SHARD, small.kept), mark="refitted")
    with pytest.raises(LakeError, match=r"pretrain_dataset \[shard-0001\] was made from another synthetic_image"):
        release(small, tmp_path)


def test_shards_made_with_different_settings_are_refused(small: SmallLake, tmp_path: Path) -> None:
    small.dataset("instruction_dataset", SHARD, small.of(SHARD, small.asked), fields={"conversations": 2})
    with pytest.raises(LakeError, match=r"instruction_dataset \[shard-0001\] was made with other settings"):
        release(small, tmp_path)


def test_a_dataset_with_other_columns_is_refused(small: SmallLake, tmp_path: Path) -> None:
    with small.stage("pretrain_dataset", SHARD, rows_out=1) as drafts:
        out = ShardWriter(drafts, pa.schema([("id", pa.string()), ("caption", pa.int64())]), "f")
        out.row(id=small.of(SHARD, small.released)[0], caption=1)
        out.finish()
    with pytest.raises(LakeError, match="has no column 'caption' of type string"):
        release(small, tmp_path)


def test_a_shard_without_vectors_is_named(small: SmallLake, tmp_path: Path) -> None:
    with small.stage("synthetic_image_embeddings", SHARD, rows_out=0):
        pass
    for stage, samples in (("pretrain_dataset", small.released), ("instruction_dataset", small.asked)):
        small.dataset(stage, SHARD, small.of(SHARD, samples))
    with pytest.raises(LakeError, match=r"synthetic_image_embeddings \[shard-0001\] has no vectors"):
        release(small, tmp_path)


@pytest.mark.parametrize("limit", [200, 1500, 5000])
def test_a_file_that_may_not_grow_ends_in_one_clear_error(tmp_path: Path, limit: int) -> None:
    small = SmallLake(tmp_path / "lake", rows=100)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(LakeError, match="cannot be written") as error:
            release(small, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert re.search(r"/draft/[a-z]+/\S+\.(parquet|json|arrow) cannot be written", error.value.what)


def test_a_full_disk_is_said_so(small: SmallLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "draft" / "README.md"))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(LakeError, match=r"README\.md cannot be written") as error:
        release(small, tmp_path)
    assert "the disk is full" in error.value.cure


def test_a_draft_that_cannot_be_made_is_named(small: SmallLake, tmp_path: Path) -> None:
    (tmp_path / "draft").touch()
    with pytest.raises(LakeError, match="draft cannot be written"):
        release(small, tmp_path)
