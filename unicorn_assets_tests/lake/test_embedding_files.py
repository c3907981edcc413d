"""Anybody's files of embeddings: what is read back, and what each wrong file is told."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.embedding_files import Embeddings, EmbeddingWriter, kind_of
from unicorn_assets.lake.vectors import VectorWriter
from unicorn_assets_tests.transfer.references import names, texts


def write(path, rows, ids=None):
    with EmbeddingWriter(path, kind_of(path), rows.shape[1], rows.dtype) as writer:
        for start in range(0, len(rows), 50):
            part = rows[start : start + 50]
            writer.write(pa.array(ids[start : start + 50] if ids else names(len(part), start)), part)
    return path


def read(path):
    batches = list(Embeddings(path))
    ids = [name for batch in batches for name in batch.ids()]
    return ids, np.concatenate([batch.vectors for batch in batches])


def table(path, **columns):
    made = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(made, path)
        return path
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_table(made)
    return path


def fixed(rows, width=None, kind=None):
    return pa.array([None if row is None else list(row) for row in rows], pa.list_(kind or pa.float32(), width or 2))


suffixes = pytest.mark.parametrize("suffix", [".arrow", ".parquet"])


@suffixes
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_written_is_read(tmp_path, suffix, dtype):
    rows = texts(123, dtype=dtype)
    path = write(tmp_path / f"a{suffix}", rows)
    found = Embeddings(path)
    assert (found.rows, found.dimension, found.dtype) == (123, 24, dtype)
    ids, vectors = read(path)
    assert ids == [name for start in (0, 50, 100) for name in names(min(50, 123 - start), start)]
    assert vectors.tobytes() == rows.tobytes()
    assert next(batch.first for batch in found) == 0
    assert sum(len(batch.vectors) for batch in found) == 123


def test_one_large_record_batch_comes_in_parts_without_a_copy(tmp_path):
    rows = texts(5000)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 24)
    path = table(tmp_path / "a.arrow", more=pa.array(range(5000)), embedding=flat, id=pa.array(names(5000)))
    parts = list(Embeddings(path))
    assert [(part.first, len(part.vectors)) for part in parts] == [(0, 4096), (4096, 904)]
    assert not parts[0].vectors.flags.writeable
    assert np.concatenate([part.vectors for part in parts]).tobytes() == rows.tobytes()
    assert [name for part in parts for name in part.ids()] == names(5000)


def test_the_lakes_own_vectors_are_such_a_file(tmp_path):
    rows = texts(10, dtype=np.float16)
    with VectorWriter(tmp_path / "a.arrow", 24) as writer:
        writer.write(names(10), rows)
    ids, vectors = read(tmp_path / "a.arrow")
    assert (ids, vectors.tobytes()) == (names(10), rows.tobytes())


@suffixes
@pytest.mark.parametrize("listed", [pa.list_, pa.large_list])
def test_lists_of_any_length_will_do_while_all_are_of_one(tmp_path, suffix, listed):
    rows = [[1.0, 0.0], [0.0, 1.0]]
    ids = pa.array(["a", "b"], pa.large_string())
    path = table(tmp_path / f"a{suffix}", id=ids, embedding=pa.array(rows, listed(pa.float32())))
    assert read(path)[1].tolist() == rows
    path = table(tmp_path / f"b{suffix}", id=ids, embedding=pa.array([[1.0, 0.0], [1.0]], listed(pa.float32())))
    with pytest.raises(LakeError, match=r"Row 1 \(id b\) of .* has 1 numbers, the first row 2") as caught:
        read(path)
    assert "one encoder only" in caught.value.cure


@suffixes
def test_files_without_rows(tmp_path, suffix):
    assert list(Embeddings(write(tmp_path / f"a{suffix}", texts(0)))) == []
    path = table(tmp_path / f"b{suffix}", id=pa.array([], pa.string()), embedding=pa.array([], pa.list_(pa.float32())))
    with pytest.raises(LakeError, match="has no rows, and its type does not tell the dimension"):
        Embeddings(path)


@suffixes
def test_what_is_missing_is_named(tmp_path, suffix):
    whole = fixed([[1, 0], [0, 1]])
    for ids, vectors, says in (
        (["a", None], whole, "Row 1 of .* has no id"),
        (["a", "b"], fixed([[1, 0], None]), "Row 1 of .* has no embedding"),
        (["a", "b"], fixed([[1, 0], [None, 1]]), r"Row 1 \(id b\) of .* a number missing"),
    ):
        path = table(tmp_path / f"a{suffix}", id=pa.array(ids), embedding=vectors)
        with pytest.raises(LakeError, match=says):
            read(path)


@suffixes
def test_other_columns_are_refused(tmp_path, suffix):
    ids, vectors = pa.array(["a"]), fixed([[1, 0]])
    for columns in (
        {"id": ids},
        {"embedding": vectors},
        {"id": pa.array([1]), "embedding": vectors},
        {"id": ids, "embedding": pa.array([1.0])},
        {"id": ids, "embedding": fixed([[1, 0]], kind=pa.float64())},
        {"id": ids, "vector": vectors},
    ):
        path = table(tmp_path / f"a{suffix}", **columns)
        with pytest.raises(LakeError, match="holds") as caught:
            Embeddings(path)
        assert "columns id (text) and embedding" in caught.value.cure


@suffixes
def test_files_cut_short_missing_or_foreign_are_refused(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", texts(20))
    whole = path.read_bytes()
    for length in (0, 1, 7, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(LakeError, match=rf"a\{suffix} cannot be read as"):
            read(path)
    path.unlink()
    with pytest.raises(LakeError, match="There is no file"):
        Embeddings(path)
    path.mkdir()
    with pytest.raises(LakeError, match="cannot be read"):
        Embeddings(path)
    with pytest.raises(LakeError, match=r"ends in \.arrow or \.parquet"):
        Embeddings(Path("a.npy"))


@suffixes
def test_where_nothing_can_be_written_is_named(tmp_path, suffix):
    with pytest.raises(LakeError, match="cannot be written"):
        write(tmp_path / "none" / f"a{suffix}", texts(2))


def test_a_draft_is_read_by_the_kind_that_its_name_does_not_tell(tmp_path):
    for suffix, kind in ((".arrow", "Arrow"), (".parquet", "Parquet")):
        whole = write(tmp_path / f"whole{suffix}", np.eye(3, dtype=np.float32), ["a", "b", "c"])
        draft = whole.rename(tmp_path / f".draft{suffix}.tmp")
        assert [batch.ids() for batch in Embeddings(draft, kind)] == [["a", "b", "c"]]
        with pytest.raises(LakeError, match="has no name of embeddings"):
            Embeddings(draft)
