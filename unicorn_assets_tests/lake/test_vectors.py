"""Vector files: round trips, bytes that depend on the content alone, and every way to be no vector file."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.vectors import BATCH_ROWS, VectorRows, VectorWriter, dimension, iter_vectors, read_vectors


def rows(number, width=4, dtype=np.float32):
    return np.random.default_rng(number).normal(size=(number, width)).astype(dtype)


def names(number):
    return [f"{position:06d}" for position in range(number)]


def write(path, vectors, ids=None, step=None):
    ids = names(len(vectors)) if ids is None else ids
    with VectorWriter(path, vectors.shape[1]) as writer:
        for start in range(0, len(ids), step or max(1, len(ids))):
            stop = start + (step or len(ids))
            writer.write(ids[start:stop], vectors[start:stop])
    return path


@pytest.mark.parametrize("number", [0, 1, 4095, 4096, 4097, 9000])
def test_what_is_written_is_read_back_in_float16(tmp_path, number):
    vectors = rows(number)
    path = write(tmp_path / "a.arrow", vectors, step=1000)
    ids, read = read_vectors(path)
    assert ids == names(number)
    assert read.dtype == np.float16
    assert read.shape == (number, 4)
    assert np.array_equal(read, vectors.astype(np.float16))
    assert len(read_vectors(path)[0]) == number
    assert dimension(path) == 4


@given(
    number=st.integers(0, 40),
    width=st.integers(1, 9),
    cuts=st.lists(st.integers(1, 9), max_size=9),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
    text=st.lists(st.text(max_size=5), min_size=40, max_size=40),
)
@settings(deadline=None, max_examples=40)
def test_bytes_depend_on_the_content_alone(tmp_path_factory, number, width, cuts, dtype, text):
    folder = tmp_path_factory.mktemp("vectors")
    vectors, ids = rows(number, width, dtype), [one.encode("utf-8", "replace").decode() for one in text[:number]]
    whole = write(folder / "whole.arrow", vectors, ids)
    with VectorWriter(folder / "cut.arrow", width) as writer:
        start = 0
        for cut in [*cuts, number]:
            writer.write(ids[start : start + cut], vectors[start : start + cut])
            start = min(number, start + cut)
    assert whole.read_bytes() == (folder / "cut.arrow").read_bytes()
    assert read_vectors(whole)[0] == ids


def test_chunking_across_record_batches_does_not_change_the_bytes(tmp_path):
    vectors = rows(2 * BATCH_ROWS + 5)
    digests = {
        hashlib.sha256(write(tmp_path / f"{step}", vectors, step=step).read_bytes()).hexdigest()
        for step in (7, BATCH_ROWS, BATCH_ROWS + 1, 20_000)
    }
    assert len(digests) == 1


def test_the_caller_may_reuse_its_array_between_writes(tmp_path):
    buffer = np.ones((2, 3), np.float16)
    with VectorWriter(tmp_path / "a.arrow", 3) as writer:
        writer.write(["a", "b"], buffer)
        buffer[:] = 2
        writer.write(["c", "d"], buffer)
    assert read_vectors(tmp_path / "a.arrow")[1][:, 0].tolist() == [1, 1, 2, 2]


def test_iteration_gives_at_most_the_rows_asked_for_and_copies_nothing(tmp_path):
    vectors = rows(5000)
    path = write(tmp_path / "a.arrow", vectors)
    parts = list(iter_vectors(path, 1000))
    assert [len(ids) for ids, _ in parts] == [1000, 1000, 1000, 1000, 96, 904]
    assert [one for ids, _ in parts for one in ids] == names(5000)
    assert np.array_equal(np.concatenate([part for _, part in parts]), vectors.astype(np.float16))
    assert not any(part.flags.owndata or part.flags.writeable for _, part in parts)


def test_a_file_of_one_batch_is_read_without_a_copy(tmp_path):
    _, view = read_vectors(write(tmp_path / "a.arrow", rows(10)))
    assert not view.flags.owndata
    assert not view.flags.writeable


def test_the_file_is_plain_arrow_that_others_read(tmp_path):
    vectors = rows(5)
    path = write(tmp_path / "a.arrow", vectors)
    frame = pl.read_ipc(path)
    assert frame.schema == {"id": pl.String, "embedding": pl.Array(pl.Float16, 4)}
    assert np.array_equal(frame["embedding"].to_numpy(), vectors.astype(np.float16))
    batch = pa.ipc.open_file(path).get_batch(0)
    assert batch.column("embedding").flatten().buffers()[1].size == 5 * 4 * 2


def test_a_file_cut_short_anywhere_is_refused(tmp_path):
    whole = write(tmp_path / "a.arrow", rows(9)).read_bytes()
    cut = tmp_path / "cut.arrow"
    for length in range(0, len(whole), 7):
        cut.write_bytes(whole[:length])
        with pytest.raises(LakeError, match=r"cut\.arrow cannot be read as Arrow"):
            read_vectors(cut)


@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
@settings(deadline=None, max_examples=150)
def test_a_damaged_byte_never_ends_in_anything_but_data_or_a_lake_error(tmp_path_factory, position, value):
    path = write(tmp_path_factory.mktemp("vectors") / "a.arrow", rows(9))
    content = bytearray(path.read_bytes())
    content[position % len(content)] = value
    path.write_bytes(content)
    with suppress(LakeError):
        ids, vectors = read_vectors(path)
        assert len(ids) == len(vectors)


@pytest.mark.parametrize("content", [b"", b"PAR1 and so on", b"ARROW1\0\0" + b"\0" * 100])
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "a.arrow"
    path.write_bytes(content)
    with pytest.raises(LakeError, match="of another kind") as caught:
        dimension(path)
    assert "materialize" in caught.value.cure


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(LakeError, match=r"There is no file .*none\.arrow"):
        dimension(tmp_path / "none.arrow")
    with pytest.raises(LakeError, match="cannot be read"):
        list(iter_vectors(tmp_path))


@pytest.mark.parametrize(
    "table",
    [
        {"id": pa.array(["a"])},
        {"id": pa.array([1]), "embedding": pa.array([[1.0]], pa.list_(pa.float16(), 1))},
        {"id": pa.array(["a"]), "embedding": pa.array([[1.0]], pa.list_(pa.float32(), 1))},
        {"id": pa.array(["a"]), "embedding": pa.array([[1.0]], pa.list_(pa.float16()))},
        {"id": pa.array(["a"]), "embedding": pa.array([[]], pa.list_(pa.float16(), 0))},
        {"embedding": pa.array([[1.0]], pa.list_(pa.float16(), 1)), "id": pa.array(["a"])},
    ],
)
def test_other_columns_are_refused_by_name_and_type(tmp_path, table):
    path = arrow(tmp_path, pa.table(table))
    with pytest.raises(LakeError, match="instead of id: string and embedding"):
        read_vectors(path)


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [(["a", None], [[1, 2], [3, 4]]), (["a", "b"], [[1, 2], None]), (["a", "b"], [[1, 2], [None, 4]])],
)
def test_a_null_is_refused_by_row(tmp_path, ids, vectors):
    table = pa.table({"id": pa.array(ids, pa.string()), "embedding": pa.array(vectors, pa.list_(pa.float16(), 2))})
    with pytest.raises(LakeError, match="no id or no whole vector in row 1"):
        read_vectors(arrow(tmp_path, table))


def arrow(folder: Path, table: pa.Table) -> Path:
    path = folder / "other.arrow"
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    return path


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 65520.0])
def test_what_float16_cannot_hold_is_refused_by_id(tmp_path, value):
    vectors = rows(3)
    vectors[1, 2] = value
    writer = VectorWriter(tmp_path / "a.arrow", 4)
    with pytest.raises(LakeError, match=r"vector of bad for .* is not finite in float16"):
        writer.write(["a", "bad", "c"], vectors)
    writer.close()
    assert read_vectors(tmp_path / "a.arrow")[0] == []


@pytest.mark.parametrize("shape", [(2, 4), (3, 5), (3,)])
def test_ids_and_vectors_must_fit(tmp_path, shape):
    with (
        pytest.raises(LakeError, match="3 ids came with vectors of shape"),
        VectorWriter(tmp_path / "a.arrow", 4) as writer,
    ):
        writer.write(["a", "b", "c"], np.zeros(shape))


def test_a_failed_block_leaves_no_file_that_looks_whole(tmp_path):
    def fail_half_way():
        with VectorWriter(tmp_path / "a.arrow", 4) as writer:
            writer.write(names(5000), rows(5000))
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    with pytest.raises(LakeError, match="cut short"):
        dimension(tmp_path / "a.arrow")


def test_closing_twice_and_counting_what_was_written(tmp_path):
    writer = VectorWriter(tmp_path / "a.arrow", 4)
    writer.write(names(5), rows(5))
    writer.close()
    writer.close()
    assert writer.count == 5


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LakeError, match=r"none/a\.arrow"):
        VectorWriter(tmp_path / "none" / "a.arrow", 4)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_named():
    with pytest.raises(LakeError, match="/dev/full cannot be written") as caught:
        write(Path("/dev/full"), rows(BATCH_ROWS, 64))
    assert "free some space" in caught.value.cure


def test_rows_of_several_files_are_found_by_file_and_number(tmp_path):
    draw = np.random.default_rng(3)
    files = {4: draw.standard_normal((BATCH_ROWS + 10, 3)), 9: draw.standard_normal((5, 3))}
    for name, vectors in files.items():
        with VectorWriter(tmp_path / f"{name}.arrow", 3) as writer:
            writer.write([f"{number:020x}" for number in range(len(vectors))], vectors)
    rows = VectorRows({name: tmp_path / f"{name}.arrow" for name in files})
    wanted = [(9, 4), (4, BATCH_ROWS + 9), (4, 0), (4, BATCH_ROWS - 1), (9, 0)]
    taken = rows.take(*(np.array(part) for part in zip(*wanted, strict=True)))
    assert np.array_equal(taken, np.array([files[name][row] for name, row in wanted]).astype(np.float16))
    with VectorWriter(tmp_path / "other.arrow", 4) as writer:
        writer.write(["a"], np.ones((1, 4)))
    with pytest.raises(LakeError, match=r"other\.arrow holds vectors of 4 numbers, others 3"):
        VectorRows({0: tmp_path / "9.arrow", 1: tmp_path / "other.arrow"})
