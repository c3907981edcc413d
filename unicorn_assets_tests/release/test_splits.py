"""Train and validation: who stands where, and that siblings never part."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.identity import sample_id
from unicorn_assets.lake.vectors import read_vectors
from unicorn_assets.release.build import Coverage, build
from unicorn_assets.release.sinks import Rows
from unicorn_assets.release.splits import named, split_of, splits
from unicorn_assets_tests.release.lakes import DIMENSION, SmallLake, recipe, vector

Made = tuple[SmallLake, Path]
IDS = [sample_id(f"seed {number}") for number in range(20_000)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_share_is_met(share: float) -> None:
    held = sum(split_of(one, share) == "validation" for one in IDS) / len(IDS)
    assert abs(held - share) < 4 * (share * (1 - share) / len(IDS)) ** 0.5


def test_a_larger_share_only_moves_rows_over() -> None:
    small, large = ({one for one in IDS if split_of(one, share) == "validation"} for share in (0.02, 0.05))
    assert small < large


def test_nothing_is_held_out_by_default() -> None:
    assert recipe().release.validation == 0
    assert {split_of(one, 0.0) for one in IDS} == {"train"}
    assert splits(0.0) == ("train",)
    assert splits(0.1) == ("train", "validation")


def test_the_draw_stays_as_it_is() -> None:
    held = [number for number, one in enumerate(IDS[:60]) if split_of(one, 0.1) == "validation"]
    assert held == [6, 16, 22, 29]


def ids(folder: Path, split: str, table: str, shard: str) -> list[str]:
    found: list[str] = pq.read_table(folder / named(split, table) / f"{shard}.parquet")["id"].to_pylist()  # type: ignore[arg-type]
    return found


def test_both_sides_together_are_the_whole_and_siblings_stand_together(everything: Made) -> None:
    small, folder = everything
    for shard in small.shards:
        sides = {}
        for table, samples in (("pretrain", small.released), ("instruction", small.asked)):
            train, held = (ids(folder, split, table, shard) for split in ("train", "validation"))
            assert sorted(train + held) == small.of(shard, samples)
            assert train == sorted(train)
            assert held == sorted(held)
            assert {split_of(one, 0.3) for one in train} <= {"train"}
            assert {split_of(one, 0.3) for one in held} <= {"validation"}
            sides[table] = set(held)
        assert sides["instruction"] == sides["pretrain"] & set(small.asked)
    assert any(ids(folder, "validation", "instruction", shard) for shard in small.shards)


def test_rows_on_each_side_keep_their_own_vectors(everything: Made) -> None:
    small, folder = everything
    for split in ("train", "validation"):
        found = pq.read_table(folder / named(split, "pretrain"))
        flat = found["image_embedding"].combine_chunks().flatten().to_numpy().reshape(-1, DIMENSION)
        np.testing.assert_array_equal(flat, np.stack([vector(one) for one in found["id"].to_pylist()]))
        assert found["caption"].to_pylist() == [small.captions[one] for one in found["id"].to_pylist()]
    for shard in small.shards:
        assert read_vectors(folder / "embeddings" / f"{shard}.arrow")[0] == small.of(shard, small.released)


def test_the_card_and_the_manifest_count_each_side(everything: Made) -> None:
    small, folder = everything
    facts = json.loads((folder / "manifest.json").read_text())
    held = [one for one in small.released if split_of(one, 0.3) == "validation"]
    assert facts["tables"]["validation/pretrain"]["rows"] == len(held)
    assert facts["tables"]["pretrain"]["rows"] == len(small.released) - len(held)
    assert sum(one["pretrain"] for one in facts["licences"]) == len(small.released)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"Held out: 30.00% of the seeds, {len(held)} pretrain and " in card
    assert f"{len(small.released)} pretraining and {len(small.asked)} instruction samples" in card
    assert "  - split: validation\n    path: validation/pretrain/*.parquet\n" in card


def test_training_files_are_no_other_for_what_is_held_out_elsewhere(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake")
    version = {}
    for share in (0.0, 0.3):
        chosen = recipe(release={"validation": share})
        version[share] = build(small.lake, chosen, small.shards, Coverage(2, 2), tmp_path / str(share)).version
    assert version[0.0] != version[0.3]
    assert not (tmp_path / "0.0" / "validation").exists()
    assert {path.name for path in (tmp_path / "0.3" / "validation").iterdir()} == {"pretrain", "instruction", "llava"}


def test_a_shard_may_have_all_its_rows_on_one_side() -> None:
    batch = pa.RecordBatch.from_pylist([{"id": IDS[0]}, {"id": IDS[1]}])
    none = Rows(batch, batch.to_pylist(), np.ones((2, DIMENSION), np.float16)).where([])
    assert (none.batch.num_rows, none.records, none.vectors.shape) == (0, [], (0, DIMENSION))
