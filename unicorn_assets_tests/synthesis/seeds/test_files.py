"""Opening, decompressing and splitting whatever is given."""

import gzip
import os

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import SeedError
from unicorn_assets.synthesis.seeds.files import _split, lines
from unicorn_assets.synthesis.seeds.rows import MAX_ROW_BYTES

TEXT = b"".join(b"line %d of a file that is long enough\n" % number for number in range(20_000))


def zst(data):
    return zstandard.ZstdCompressor().compress(data)


def write(tmp_path, data, name="seeds.txt"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "pack",
    [
        bytes,
        gzip.compress,
        zst,
        lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
        lambda data: zst(data[:1000]) + zst(data[1000:]),
    ],
)
def test_lines_of_any_compression_by_its_first_bytes(tmp_path, pack):
    path = write(tmp_path, pack(TEXT))
    assert list(lines(path)) == list(enumerate(TEXT.splitlines(), start=1))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zst])
def test_marks_and_line_ends_are_no_text(tmp_path, pack):
    assert list(lines(write(tmp_path, pack(b"\xef\xbb\xbfone\r\ntwo\n\nfour")))) == [
        (1, b"one"),
        (2, b"two"),
        (3, b""),
        (4, b"four"),
    ]


@pytest.mark.parametrize("pack", [gzip.compress, zst])
def test_compressed_data_cut_short(tmp_path, pack):
    data = pack(os.urandom(1 << 20).hex().encode().replace(b"0", b"\n"))
    for cut in (len(data) // 2, len(data) - 1):
        with pytest.raises(SeedError, match=r"seeds\.txt is cut short: its compressed data ends after line \d+"):
            list(lines(write(tmp_path, data[:cut])))


@pytest.mark.parametrize("pack", [gzip.compress, zst])
def test_compressed_data_damaged(tmp_path, pack):
    data = bytearray(pack(os.urandom(1 << 16).hex().encode()))
    data[30:60] = bytes(30)
    with pytest.raises(SeedError, match=r"seeds\.txt is damaged after line"):
        list(lines(write(tmp_path, bytes(data))))


def test_waste_behind_compressed_data(tmp_path):
    for pack in (gzip.compress, zst):
        with pytest.raises(SeedError, match=r"damaged after line \d"):
            list(lines(write(tmp_path, pack(b"a dog\n") + b"waste waste")))


@pytest.mark.parametrize("data", [b"", gzip.compress(b""), zst(b"")])
def test_empty_file(tmp_path, data):
    with pytest.raises(SeedError, match=r"seeds\.txt is empty"):
        list(lines(write(tmp_path, data)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_text_names_the_cure(tmp_path, encoding):
    with pytest.raises(SeedError, match=r"is UTF-(16|16LE|16BE|32) text") as error:
        list(lines(write(tmp_path, "A dog runs.\nA cat sleeps.\n".encode(encoding))))
    assert "iconv -f UTF-" in error.value.cure


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"BZh91AY", "bzip2"), (b"\xfd7zXZ\x00", "xz"), (b"PK\x03\x04zip", "ZIP"), (b"PAR1...", "Parquet")],
)
def test_another_kind_of_file(tmp_path, data, name):
    with pytest.raises(SeedError, match=name):
        list(lines(write(tmp_path, data)))


def test_no_such_file(tmp_path):
    with pytest.raises(SeedError, match=r"There is no seed file .*gone\.txt"):
        list(lines(tmp_path / "gone.txt"))


def test_directory(tmp_path):
    with pytest.raises(SeedError, match="is a directory"):
        list(lines(tmp_path))


def test_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(SeedError, match="is no regular file"):
        list(lines(tmp_path / "pipe.txt"))


def test_system_refuses(tmp_path):
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    with pytest.raises(SeedError, match="cannot be read"):
        list(lines(tmp_path / "loop.txt"))
    with pytest.raises(SeedError, match="cannot be read"):
        list(lines(tmp_path / "a\x00b.txt"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = write(tmp_path, b"a dog")
    path.chmod(0)
    with pytest.raises(SeedError, match="may not be read"):
        list(lines(path))


@pytest.mark.parametrize("length", [MAX_ROW_BYTES - 1, MAX_ROW_BYTES, MAX_ROW_BYTES + 1, 10 << 20])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r more\n"])
def test_long_lines_are_cut_but_show_it(tmp_path, length, end):
    found = dict(lines(write(tmp_path, b"first\n" + b"x" * length + end + b"last")))
    assert (found[1], found[3]) == (b"first", b"last")
    assert len(found[2]) <= MAX_ROW_BYTES + 2
    whole = (b"x" * length + end).rstrip(b"\n").removesuffix(b"\r")
    assert (len(found[2]) > MAX_ROW_BYTES) == (len(whole) > MAX_ROW_BYTES)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60), st.lists(st.integers(1, 5), max_size=30))
def test_lines_do_not_depend_on_how_the_file_is_read(data, sizes):
    chunks, start = [], 0
    for size in [*sizes, len(data) + 1]:
        chunks.append(data[start : start + size])
        start += size
    expected = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    if not data.split(b"\n")[-1]:
        expected.pop()
    assert list(_split(iter(chunks))) == expected
