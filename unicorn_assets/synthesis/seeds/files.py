"""Seed files as lines of bytes: opened, decompressed and split in bounded memory, whatever is in them."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from unicorn_assets.errors import SeedError
from unicorn_assets.synthesis.seeds.rows import MAX_ROW_BYTES

_CHUNK = 1 << 18
# One block of 4 bytes may stand for 128 KiB of text, so 512 bytes for at most 16 MiB.
_ZSTD_CHUNK = 512
_HEAD = 4096

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "ZIP", b"\x04\x22\x4d\x18": "lz4", b"7z\xbc\xaf": "7z"}
_WIDE = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_BOM = b"\xef\xbb\xbf"


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, opened for reading.

    Raises:
        SeedError: there is no such file, it is a directory, it is empty, or it may not be read.
    """
    try:
        if path.is_dir():
            raise SeedError(f"The seed file {path} is a directory.", "give its files one by one, each as a source.")
        if path.exists() and not path.is_file():
            raise SeedError(f"The seed file {path} is no regular file.", "save what it gives in a file.")
        file = path.open("rb")
    except FileNotFoundError:
        raise SeedError(f"There is no seed file {path}.", "check the path.") from None
    except PermissionError:
        raise SeedError(f"The seed file {path} may not be read.", "change its permissions.") from None
    except (OSError, ValueError) as error:
        raise SeedError(f"The seed file {path} cannot be read: {error}.", "give a readable file.") from None
    with file:
        if not file.read(1):
            raise empty(path)
        file.seek(0)
        yield file


def empty(path: Path) -> SeedError:
    """The error for a file without a single row."""
    return SeedError(f"The seed file {path} is empty.", "give a file with at least one row, or drop the source.")


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines of a text file, plain, gzip or zstd, by its first bytes: number from 1, and bytes without the line end.

    A line over MAX_ROW_BYTES comes cut, but is still longer than that; the rest of it is passed over.

    Raises:
        SeedError: the file cannot be read, is cut short or damaged, or is no UTF-8 text; names the line reached.
    """
    number = 0
    try:
        with opened(path) as file:
            for number, line in enumerate(_split(_unmarked(path, _decompressed(path, file))), start=1):
                yield number, line
    except EOFError:
        raise SeedError(
            f"The seed file {path} is cut short: its compressed data ends after line {number}.",
            "copy or download it again.",
        ) from None
    except (zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
        raise SeedError(
            f"The seed file {path} is damaged after line {number}: {error}.", "copy or download it again."
        ) from None
    except OSError as error:
        raise SeedError(f"The seed file {path} cannot be read after line {number}: {error}.", "try again.") from None


def _decompressed(path: Path, file: BinaryIO) -> Iterator[bytes]:
    head = file.read(8)
    file.seek(0)
    for magic, name in _OTHERS.items():
        if head.startswith(magic):
            raise SeedError(f"The seed file {path} is compressed with {name}.", "decompress it, or use gzip or zstd.")
    if head.startswith(_ZSTD):
        yield from _unzstd(file)
        return
    plain = gzip.GzipFile(fileobj=file) if head.startswith(_GZIP) else file
    while chunk := plain.read(_CHUNK):
        yield chunk


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    # The package's own stream reader takes a file that is cut short for one that has ended.
    frame = zstandard.ZstdDecompressor().decompressobj()
    begun = False
    while chunk := file.read(_ZSTD_CHUNK):
        while chunk:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(chunk)
            chunk = frame.unused_data if frame.eof else b""
        begun = not frame.eof
    if begun:
        raise EOFError


def _unmarked(path: Path, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks without a byte order mark, once their beginning is seen to be text of one byte a letter."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD:
            break
    if not head:
        raise empty(path)
    if head.startswith(b"PAR1"):
        raise SeedError(f"The seed file {path} is a Parquet file.", 'leave it uncompressed, with format = "parquet".')
    if wide := _wide(head):
        raise SeedError(
            f"The seed file {path} is {wide} text.", f"save it as UTF-8: iconv -f {wide} -t UTF-8 OLD > NEW."
        )
    yield head.removeprefix(_BOM)
    yield from chunks


def _wide(head: bytes) -> str | None:
    for mark, name in _WIDE.items():
        if head.startswith(mark):
            return name
    head = head[: _HEAD // 2 * 2]
    # Without a mark, UTF-16 shows by a NUL in nearly every other byte of Latin text.
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if abs(odd - even) > 0.3 * len(head):
        return "UTF-16LE" if odd > even else "UTF-16BE"
    return None


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    most = MAX_ROW_BYTES + 2  # too long still, if its last byte is a carriage return that goes
    held = b""
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            line = held + piece[: most - len(held)] if held or len(piece) > most else piece
            held = b""
            yield line.removesuffix(b"\r")
        held += rest[: most - len(held)]
    if held:
        yield held.removesuffix(b"\r")
