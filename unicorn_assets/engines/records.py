"""How a record of a journal stands in its file, and how the next good one is found after damage."""

import os
import struct
import zlib
from typing import NamedTuple

MAGIC = b"\xffUA\x01"
"""Starts every record; the last byte is the version. It can be searched for, since 0xff never occurs in UTF-8."""

_HEADER = struct.Struct("<4sII16s")  # magic, length of the payload, checksum, key
_SEARCH_BYTES = 1 << 20


class Record(NamedTuple):
    """One record: a key of 16 bytes and its payload."""

    key: bytes
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes of the record in the file."""
        return _HEADER.size + len(self.payload)


def _checksum(key: bytes, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(key + len(payload).to_bytes(4, "little")))


def packed(key: bytes, payload: bytes) -> bytes:
    """The bytes of a record."""
    return _HEADER.pack(MAGIC, len(payload), _checksum(key, payload), key) + payload


def record_at(descriptor: int, offset: int, end: int) -> Record | None:
    """The record at `offset`, None where there is no whole and correct one before `end`."""
    header = os.pread(descriptor, _HEADER.size, offset)
    if len(header) < _HEADER.size:
        return None
    magic, length, checksum, key = _HEADER.unpack(header)
    if magic != MAGIC or offset + _HEADER.size + length > end:
        return None
    payload = os.pread(descriptor, length, offset + _HEADER.size)
    return Record(key, payload) if _checksum(key, payload) == checksum else None


def next_record(descriptor: int, offset: int, end: int) -> int:
    """Where the next correct record starts, from `offset` on; `end` if there is none."""
    while offset < end:
        window = os.pread(descriptor, _SEARCH_BYTES, offset)
        found = window.find(MAGIC)
        if found < 0:
            # A start may lie across two windows.
            offset += max(1, len(window) - len(MAGIC) + 1)
        elif record_at(descriptor, offset + found, end):
            return offset + found
        else:
            offset += found + 1
    return end
