"""What stands in a release folder, and that equal shards give equal bytes."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.vectors import iter_vectors, read_vectors
from unicorn_assets.release import tables
from unicorn_assets.release.build import Built, Coverage, build, intact
from unicorn_assets_tests.release.lakes import DIMENSION, SmallLake, recipe, vector


def release(small: SmallLake, draft: Path, shards: list[str] | None = None, **changes: object) -> Built:
    shards = shards or small.shards
    missing = {shard: "not made yet" for shard in small.shards if shard not in shards}
    return build(small.lake, recipe(**changes), shards, Coverage(len(shards), len(small.shards), missing), draft)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_has_exactly_the_promised_files(made: tuple[SmallLake, Path]) -> None:
    shards = ("shard-0000", "shard-0001")
    expected = {
        "README.md",
        "manifest.json",
        "transfer.safetensors",
        "transfer.png",
        "llava/pretrain.json",
        "llava/instruction.json",
    }
    expected |= {"llava/pretrain.index.arrow", "llava/instruction.index.arrow"}
    expected |= {f"{table}/{shard}.parquet" for table in ("pretrain", "instruction") for shard in shards}
    assert set(content(made[1])) == expected | {f"embeddings/{shard}.arrow" for shard in shards}
    assert intact(made[1], thorough=True) is None


@pytest.mark.parametrize("table", ["pretrain", "instruction"])
def test_every_row_stands_in_its_shard_with_its_own_vector(made: tuple[SmallLake, Path], table: str) -> None:
    small, folder = made
    samples = small.released if table == "pretrain" else small.asked
    assert samples
    for shard in small.shards:
        found = pq.read_table(folder / table / f"{shard}.parquet")
        assert found.schema.names == [*tables.COLUMNS[table].names, "image_embedding"]
        here = small.of(shard, samples)
        assert found.drop_columns("image_embedding").to_pylist() == [small.row(table, one) for one in here]
        flat = found.column("image_embedding").combine_chunks().flatten().to_numpy()
        assert flat.dtype == np.float16
        np.testing.assert_array_equal(flat.reshape(-1, DIMENSION), np.stack([vector(one) for one in here]))


def test_each_vector_of_a_released_row_stands_once(made: tuple[SmallLake, Path]) -> None:
    small, folder = made
    for shard in small.shards:
        ids, vectors = read_vectors(folder / "embeddings" / f"{shard}.arrow")
        assert ids == small.of(shard, small.released)
        np.testing.assert_array_equal(vectors, np.stack([vector(one) for one in ids]))
    assert small.unread in small.kept


def test_a_dialog_keeps_its_vector_where_pretraining_dropped_the_caption(small: SmallLake, tmp_path: Path) -> None:
    shard = small.shards[0]
    dropped = small.of(shard, small.asked)[0]
    small.dataset("pretrain_dataset", shard, [one for one in small.of(shard, small.released) if one != dropped])
    built = release(small, tmp_path / "draft")
    assert built.rows["pretrain"] == len(small.released) - 1
    assert dropped in read_vectors(tmp_path / "draft" / "embeddings" / f"{shard}.arrow")[0]


@pytest.mark.parametrize("table", ["pretrain", "instruction"])
def test_llava_files_have_one_record_a_line_in_the_order_of_the_tables(
    made: tuple[SmallLake, Path], table: str
) -> None:
    small, folder = made
    text = (folder / "llava" / f"{table}.json").read_text(encoding="utf-8")
    samples = small.released if table == "pretrain" else small.asked
    expected = [small.row(table, one) for shard in small.shards for one in small.of(shard, samples)]
    for row in expected:
        row.pop("task", None)
    assert json.loads(text) == expected
    lines = text.split("\n")
    assert (lines[0], lines[-2:]) == ("[", ["]", ""])
    assert [json.loads(line.removesuffix(",")) for line in lines[1:-2]] == expected
    assert "犬" in text


def test_equal_shards_give_equal_bytes_whatever_the_run_the_place_and_the_order(tmp_path: Path) -> None:
    first = SmallLake(tmp_path / "here" / "lake")
    second = SmallLake(tmp_path / "elsewhere" / "deeper" / "lake", run="another run")
    one = release(first, tmp_path / "a")
    two = release(second, tmp_path / "b", shards=second.shards[::-1])
    assert one == two
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_nothing_of_the_machine_or_the_run_is_in_a_release(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake", run="run-of-mine")
    release(small, tmp_path / "draft")
    for name, data in content(tmp_path / "draft").items():
        for secret in (str(tmp_path), "run-of-mine", "/data/of/mine", "/models/of/mine"):
            assert secret.encode() not in data, name


def test_what_changes_the_content_changes_the_version(small: SmallLake, tmp_path: Path) -> None:
    before = release(small, tmp_path / "a").version
    relicensed = recipe().seeds.sources[0].model_copy(update={"licence": "CC-BY-SA-4.0"})
    sources = {"sources": [relicensed.model_dump(), recipe().seeds.sources[1].model_dump()]}
    assert release(small, tmp_path / "b", seeds=sources).version != before
    assert release(small, tmp_path / "c", shards=small.shards[:1]).version != before
    assert release(small, tmp_path / "d").version == before
    assert len(before) == 16


def test_why_a_shard_is_missing_is_no_part_of_the_content(small: SmallLake, tmp_path: Path) -> None:
    shards = small.shards[:1]
    versions = {
        build(small.lake, recipe(), shards, Coverage(1, 2, {small.shards[1]: why}), tmp_path / why).version
        for why in ("missing", "stale")
    }
    assert len(versions) == 1


def test_row_groups_have_a_fixed_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lake.shards", "lake.vectors", "release.tables"):
        monkeypatch.setattr(f"unicorn_assets.{module}.BATCH_ROWS", 8)
    small = SmallLake(tmp_path / "lake", rows=60, shards=1)
    release(small, tmp_path / "draft")
    facts = pq.ParquetFile(tmp_path / "draft" / "pretrain" / "shard-0000.parquet").metadata
    sizes = [facts.row_group(group).num_rows for group in range(facts.num_row_groups)]
    assert sizes == [8] * (len(small.released) // 8) + [len(small.released) % 8]
    found = [len(ids) for ids, _ in iter_vectors(tmp_path / "draft" / "embeddings" / "shard-0000.arrow")]
    assert found == sizes


def test_progress_ends_at_the_sum_of_both_tables(small: SmallLake, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    built = build(
        small.lake,
        recipe(),
        small.shards,
        Coverage(2, 2),
        tmp_path / "draft",
        progress=lambda done, total: told.append((done, total)),
    )
    rows = sum(built.rows.values())
    assert told[-1] == (rows, rows)
    assert told == sorted(told)


def test_a_recipe_without_dialogs_has_empty_instruction_files(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake", dialogs=False)
    assert release(small, tmp_path / "draft").rows["instruction"] == 0
    assert json.loads((tmp_path / "draft" / "llava" / "instruction.json").read_text()) == []
    found = pq.read_table(tmp_path / "draft" / "instruction")
    assert (found.num_rows, found.schema.names[-1]) == (0, "image_embedding")


def test_an_empty_shard_is_released_as_empty_files(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake", rows=2, shards=4)
    assert any(not small.of(shard, small.released) for shard in small.shards)
    small.released = small.kept
    for shard in small.shards:
        small.dataset("pretrain_dataset", shard, small.of(shard, small.kept))
    built = release(small, tmp_path / "draft")
    assert built.rows["pretrain"] == built.vectors == len(small.kept) > 0
    assert len(list((tmp_path / "draft" / "pretrain").iterdir())) == 4


def test_no_row_and_no_shard_are_refused(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake", rows=2, shards=1)
    small.dataset("pretrain_dataset", "shard-0000", [])
    small.dataset("instruction_dataset", "shard-0000", [])
    with pytest.raises(LakeError, match="hold no row at all"):
        release(small, tmp_path / "draft")
    with pytest.raises(LakeError, match="No shard is complete"):
        build(small.lake, recipe(), [], Coverage(0, 1), tmp_path / "other")


def test_a_draft_folder_with_something_in_it_is_refused(small: SmallLake, tmp_path: Path) -> None:
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "notes.txt").touch()
    with pytest.raises(LakeError, match=r"draft is not empty"):
        release(small, tmp_path / "draft")
