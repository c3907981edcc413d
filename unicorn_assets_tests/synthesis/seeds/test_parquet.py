"""Parquet files, whole, odd and damaged."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import SeedError
from unicorn_assets.synthesis.seeds.readers import rows
from unicorn_assets.synthesis.seeds.rows import Row, SetAside
from unicorn_assets_tests.synthesis.seeds.writing import source, write_text


def write(tmp_path, **columns):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def read(path, **keys):
    return list(rows(source(path, **keys)))


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
)
@pytest.mark.parametrize("image", [pa.int64(), pa.uint8(), pa.float64(), pa.float32()])
def test_types_of_captions_and_image_ids(tmp_path, kind, image):
    captions = pa.array(["a dög", None], pa.string()).cast(kind)
    path = write(tmp_path, caption=captions, image_id=pa.array([7, None], image))
    found = read(path)
    assert found[0] == Row(1, "a dög", "7")
    assert (found[1].row, found[1].reason) == (2, "no_caption")


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
@pytest.mark.parametrize("dictionary", [False, True])
def test_broken_utf_8_rejects_its_row_alone(tmp_path, kind, dictionary):
    values = pa.array([b"a dog", b"caf\xe9 tables", None, b"a c\xc3\xa4t"], pa.binary())
    column = (
        values if kind == pa.binary() else values.cast(pa.large_binary() if kind == pa.large_string() else pa.binary())
    )
    if kind != pa.binary():
        column = pa.Array.from_buffers(kind, len(column), column.buffers())
    path = write(tmp_path, caption=column.dictionary_encode() if dictionary else column)
    found = read(path)
    assert [row.reason if isinstance(row, SetAside) else row.text for row in found] == [
        "a dog",
        "bad_encoding",
        "no_caption",
        "a cät",
    ]


def test_caption_too_large(tmp_path):
    found = read(write(tmp_path, caption=["a dog", "x" * (2 << 20), "a cat"]))
    assert [row.reason if isinstance(row, SetAside) else row.text for row in found] == [
        "a dog",
        "row_too_large",
        "a cat",
    ]
    assert len(found[1].text) == 500


@pytest.mark.parametrize(
    "columns", [{"caption": [1]}, {"caption": [["a dog"]]}, {"caption": ["a"], "image_id": [[1]]}, {"caption": [1.5]}]
)
def test_column_of_another_type(tmp_path, columns):
    with pytest.raises(SeedError, match=r"of .*a\.parquet is of type .*, not text"):
        read(write(tmp_path, **columns))


def test_column_given_twice(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([["a"], ["b"]], names=["caption", "caption"]), path)
    with pytest.raises(SeedError, match="two columns 'caption'"):
        read(path)


def test_no_rows(tmp_path):
    with pytest.raises(SeedError, match="is empty"):
        read(write(tmp_path, caption=pa.array([], pa.string())))


@pytest.mark.parametrize("data", [b"not parquet", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_no_parquet_file(tmp_path, data):
    with pytest.raises(SeedError, match=r"a\.parquet cannot be read as Parquet"):
        read(write_text(tmp_path, "a.parquet", data))


def test_cut_short_or_packed(tmp_path):
    data = write(tmp_path, caption=["a dog runs"] * 1000).read_bytes()
    with pytest.raises(SeedError, match="cannot be read as Parquet"):
        read(write_text(tmp_path, "a.parquet", data[:-50]))
    with pytest.raises(SeedError, match="cannot be read as Parquet") as error:
        read(write_text(tmp_path, "a.parquet.gz", gzip.compress(data)))
    assert "must not be in gzip" in error.value.cure


def test_damage_names_the_row_reached(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"caption": [f"a dog {n} runs" for n in range(4000)]}), path, row_group_size=2000)
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    data[start : start + 40] = b"\xff" * 40
    with pytest.raises(SeedError, match=r"cannot be read as Parquet after row [12]"):
        read(write_text(tmp_path, "b.parquet", bytes(data)))
