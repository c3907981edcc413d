"""Rows of a release by number and by id, the mapped files behind them, and what is refused."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.vectors import VectorWriter, read_vectors
from unicorn_assets.release.build import Coverage, build
from unicorn_assets.release.rows import ReleaseRows
from unicorn_assets.release.splits import Split, split_of
from unicorn_assets_tests.release.lakes import DIMENSION, SmallLake, recipe, vector

Made = tuple[SmallLake, Path]
SIDES: list[tuple[str, Split]] = [
    (table, split) for table in ("pretrain", "instruction") for split in ("train", "validation")
]


def expected(small: SmallLake, table: str, split: str) -> list[str]:
    samples = small.released if table == "pretrain" else small.asked
    return [one for shard in small.shards for one in small.of(shard, samples) if split_of(one, 0.3) == split]


@pytest.mark.parametrize(("table", "split"), SIDES)
def test_every_row_has_its_record_its_vector_and_its_id(everything: Made, table: str, split: Split) -> None:
    small, folder = everything
    rows, names = ReleaseRows(folder, table, split), expected(small, table, split)
    assert len(rows) == len(names) > 0
    for row, name in enumerate(names):
        record = small.row(table, name)
        record.pop("task", None)
        assert rows.record(row) == record
        np.testing.assert_array_equal(rows.vector(row), vector(name))
        assert rows.find(name) == row
    np.testing.assert_array_equal(rows.vectors(range(len(names))), np.stack([vector(name) for name in names]))


def test_rows_may_be_asked_for_in_any_order_and_from_the_end(everything: Made) -> None:
    small, folder = everything
    rows, names = ReleaseRows(folder), expected(small, "pretrain", "train")
    order = [len(names) - 1, 0, 3, 3, -1, -len(names)]
    np.testing.assert_array_equal(rows.vectors(order), np.stack([vector(names[row]) for row in order]))
    assert [rows.record(row)["id"] for row in order] == [names[row] for row in order]
    assert rows.vectors([]).shape == (0, DIMENSION)


def test_a_row_that_is_not_there_is_an_index_error(everything: Made) -> None:
    rows = ReleaseRows(everything[1])
    for row in (len(rows), -len(rows) - 1):
        for look in (rows.record, rows.vector):
            with pytest.raises(IndexError, match=f"row {row} of {len(rows)}"):
                look(row)


@pytest.mark.parametrize("sample", ["", "zz" * 10, "0" * 20, "f" * 20, "é" * 20, "0x" + "0" * 18, "ab"])
def test_an_id_that_is_not_there_is_a_key_error(everything: Made, sample: str) -> None:
    with pytest.raises(KeyError):
        ReleaseRows(everything[1]).find(sample)


def test_an_id_of_the_other_side_is_a_key_error(everything: Made) -> None:
    small, folder = everything
    held = expected(small, "pretrain", "validation")[0]
    with pytest.raises(KeyError):
        ReleaseRows(folder).find(held)
    assert ReleaseRows(folder, split="validation").find(held) == 0


def test_nothing_is_copied_before_it_is_asked_for(everything: Made) -> None:
    before = pa.total_allocated_bytes()
    rows = ReleaseRows(everything[1])
    for row in range(len(rows)):
        assert not rows.vector(row).flags.owndata
        assert not rows.vector(row).flags.writeable
    assert pa.total_allocated_bytes() == before


def test_what_is_sent_to_another_process_is_names(everything: Made) -> None:
    rows = ReleaseRows(everything[1], "instruction", "validation")
    rows.record(0)
    sent = pickle.dumps(rows)
    assert len(sent) < 500
    assert pickle.loads(sent).record(0) == rows.record(0)


def test_rows_over_more_than_one_record_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lake.shards", "lake.vectors", "release.tables"):
        monkeypatch.setattr(f"unicorn_assets.{module}.BATCH_ROWS", 8)
    small = SmallLake(tmp_path / "lake", rows=60, shards=1)
    build(small.lake, recipe(1), small.shards, Coverage(1, 1), tmp_path / "release")
    rows = ReleaseRows(tmp_path / "release")
    for row, name in enumerate(small.released):
        np.testing.assert_array_equal(rows.vector(row), vector(name))


def test_a_table_without_rows_is_empty(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake", dialogs=False)
    build(small.lake, recipe(), small.shards, Coverage(2, 2), tmp_path / "release")
    rows = ReleaseRows(tmp_path / "release", "instruction")
    assert len(rows) == 0
    with pytest.raises(KeyError):
        rows.find(small.released[0])


@pytest.mark.parametrize(
    ("table", "split"), [("pretraining", "train"), ("embeddings", "train"), ("pretrain", "validation")]
)
def test_a_table_that_is_not_there_is_named(made: Made, table: str, split: Split) -> None:
    with pytest.raises(LakeError, match="it has pretrain, instruction"):
        ReleaseRows(made[1], table, split)


def test_a_release_without_records_by_row_says_what_to_ask_for(tmp_path: Path) -> None:
    small = SmallLake(tmp_path / "lake")
    build(small.lake, recipe(release={"formats": []}), small.shards, Coverage(2, 2), tmp_path / "release")
    with pytest.raises(LakeError, match="does not carry the format 'llava'") as error:
        ReleaseRows(tmp_path / "release")
    assert "formats" in error.value.cure


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "release"))


@pytest.mark.parametrize("name", ["llava/pretrain.json", "llava/pretrain.index.arrow", "manifest.json"])
@pytest.mark.parametrize("content", [None, b""])
def test_a_file_that_cannot_be_opened_is_named(copy: Path, name: str, content: bytes | None) -> None:
    (copy / name).unlink()
    if content is not None:
        (copy / name).write_bytes(content)
    with pytest.raises(LakeError, match=name):
        ReleaseRows(copy)


def test_an_index_of_another_release_is_named(copy: Path, everything: Made) -> None:
    other = everything[1] / "llava" / "pretrain.index.arrow"
    shutil.copyfile(other, copy / "llava" / "pretrain.index.arrow")
    rows = ReleaseRows(copy)
    for _ in range(2):  # and no row of another release at the second try
        with pytest.raises(LakeError, match=r"The index of shard-0000 in .*\.index\.arrow has \d+ rows instead of"):
            rows.record(0)


def test_an_index_of_too_few_shards_is_named(copy: Path) -> None:
    facts = json.loads((copy / "manifest.json").read_text())
    facts["tables"]["pretrain"]["shards"]["shard-0002"] = 0
    (copy / "manifest.json").write_text(json.dumps(facts))
    with pytest.raises(LakeError, match="is no index of the 3 shards"):
        ReleaseRows(copy)


def test_a_file_of_records_that_was_changed_is_named(copy: Path) -> None:
    path = copy / "llava" / "pretrain.json"
    path.write_bytes(path.read_bytes().replace(b'"id"', b'"id', 1))
    with pytest.raises(LakeError, match=r"pretrain\.json has no record of row 0 at byte 2"):
        ReleaseRows(copy).record(0)


@pytest.mark.parametrize("rows", [1, 0])
def test_vectors_of_another_release_are_named(copy: Path, rows: int) -> None:
    with VectorWriter(copy / "embeddings" / "shard-0000.arrow", DIMENSION) as writer:
        writer.write(["0" * 20] * rows, np.ones((rows, DIMENSION), np.float16))
    found = ReleaseRows(copy)
    for _ in range(2):
        with pytest.raises(LakeError, match=f"shard-0000.arrow has {rows} vectors of {DIMENSION} numbers; the index"):
            found.vector(0)


def test_vectors_of_another_dimension_are_named(copy: Path) -> None:
    path = copy / "embeddings" / "shard-0000.arrow"
    rows = len(read_vectors(path)[0])
    with VectorWriter(path, DIMENSION + 1) as writer:
        writer.write(["0" * 20] * rows, np.ones((rows, DIMENSION + 1), np.float16))
    with pytest.raises(LakeError, match=f"vectors of {DIMENSION + 1} numbers"):
        ReleaseRows(copy).vector(0)


def test_latest_may_move_on_while_its_rows_are_read(everything: Made, made: Made, tmp_path: Path) -> None:
    latest = tmp_path / "latest"
    latest.symlink_to(everything[1])
    rows, names = ReleaseRows(latest), expected(everything[0], "pretrain", "train")
    latest.unlink()
    latest.symlink_to(made[1])
    for one in (rows, pickle.loads(pickle.dumps(rows))):
        assert len(one) == len(names)
        np.testing.assert_array_equal(one.vectors(range(len(names))), np.stack([vector(name) for name in names]))
