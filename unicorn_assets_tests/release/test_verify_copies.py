"""`unicorn verify` where every hash is right: copies in other formats that are not their rows are named."""

import errno
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.release import llava, webdataset
from unicorn_assets_tests.release.damage import (
    ROWS,
    SHARD,
    changed,
    found,
    one,
    reseal,
)


@pytest.mark.parametrize("name", ["llava/pretrain.json", "unicorn_authors/Pretrain.json"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [*lines[:2], lines[2].replace(b"Seed", b"Sead", 1), *lines[3:]],
        lambda lines: [*lines[:2], *lines[3:]],
        lambda lines: [*lines[:2], b"{" + lines[2], *lines[3:]],
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
    ],
)
def test_a_record_that_is_not_its_row_is_named(copy: Path, name: str, damage: Callable[[list[bytes]], Any]) -> None:
    path = copy / name
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    reseal(copy)
    one(found(copy), f"{path}, record 1 is not row 1 (id ", "of shard-0000 in the Parquet table")


@pytest.mark.parametrize("surplus", [b"{}\n]\n", b"]\n]\n", b""])
def test_a_file_of_records_that_goes_on_or_does_not_end_is_named(copy: Path, surplus: bytes) -> None:
    path = copy / "llava" / "instruction.json"
    path.write_bytes(path.read_bytes().removesuffix(b"]\n") + surplus)
    reseal(copy)
    one(found(copy), f"{path} does not end after its record")


def reindex(folder: Path, change: Callable[[list[pa.RecordBatch]], list[pa.RecordBatch]]) -> Path:
    path = folder / "llava" / "pretrain.index.arrow"
    reader = pa.ipc.open_file(path.read_bytes())
    parts = change([reader.get_batch(number) for number in range(reader.num_record_batches)])
    with pa.ipc.new_file(str(path), parts[0].schema) as writer:
        for part in parts:
            writer.write_batch(part)
    reseal(folder)
    return path


@pytest.mark.parametrize("column", ["id", "start", "bytes", "vector"])
def test_a_wrong_row_of_an_index_is_named(copy: Path, column: str) -> None:
    def change(parts: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        wrong: Any = "0" * 20 if column == "id" else 7
        table = changed(pa.Table.from_batches([parts[1]]), column, 3, wrong)
        return [parts[0], table.combine_chunks().to_batches()[0]]

    path = reindex(copy, change)
    one(found(copy), f"{path}, row 3 of {SHARD}: {column} is ")


def test_an_index_with_too_few_rows_or_parts_is_named(copy: Path) -> None:
    path = reindex(copy, lambda parts: [parts[0], parts[1].slice(1)])
    one(found(copy), f"{path} has ", f"rows of {SHARD}; the table has")
    reindex(copy, lambda parts: parts[:1])
    one(found(copy), f"{path} is no index with a part for {SHARD}")
    reindex(copy, lambda parts: [part.rename_columns(["name", *part.schema.names[1:]]) for part in parts])
    one(found(copy), f"{path} is no index with a part for shard-0000")


def test_an_index_with_what_is_no_id_is_named(copy: Path) -> None:
    def change(parts: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        short = pa.array(["short", *parts[0]["id"].to_pylist()[1:]])
        return [parts[0].set_column(0, llava.INDEX.field("id"), short), parts[1]]

    path = reindex(copy, change)
    one(found(copy), f"{path} is damaged in its part 0 (an id has not 20 signs)")


def retar(folder: Path, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> Path:
    path = folder / "webdataset" / "pretrain" / f"{SHARD}.tar"
    with tarfile.open(path) as tar:
        members = [(one.name, tar.extractfile(one).read()) for one in tar.getmembers()]  # type: ignore[union-attr]
    writer = webdataset.TarWriter(path)
    writer._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed by the next block
    with writer:
        for name, content in change(members):
            writer._add(name, content)
    reseal(folder)
    return path


@pytest.mark.parametrize(
    ("damage", "member"),
    [
        (lambda members: [(members[0][0], b"{}"), *members[1:]], 0),
        (lambda members: [members[0], (members[1][0], members[3][1]), *members[2:]], 1),
        (lambda members: members[2:], 0),
        (lambda members: [members[1], members[0], *members[2:]], 0),
    ],
)
def test_a_member_of_a_tar_that_is_not_its_row_is_named(copy: Path, damage: Callable[[Any], Any], member: int) -> None:
    sample = pq.read_table(copy / ROWS)["id"][0].as_py()
    path = retar(copy, damage)
    name = f"{sample}.{('json', 'npy')[member]}"
    one(found(copy), f"{path}, member {name} of row 0 is missing or not what the table says")


def test_a_tar_that_goes_on_is_named(copy: Path) -> None:
    path = retar(copy, lambda members: [*members, ("more.json", b"{}")])
    one(found(copy), f"{path} goes on with more.json, which the table does not have")


def test_a_tar_that_is_none_is_named(copy: Path) -> None:
    path = copy / "webdataset" / "pretrain" / f"{SHARD}.tar"
    path.write_bytes(b"no tar at all")
    reseal(copy)
    one(found(copy), f"{path} cannot be read as tar")
    path.unlink()
    reseal(copy)
    one(found(copy), f"{path}, member ", "of row 0 is missing")


def test_pickles_are_never_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copy / "unicorn_authors" / "embeddings" / "caption_embeddings_1.pkl"
    path.write_bytes(b"cbuiltins\nexec\n(S'raise SystemExit(9)'\ntR.")
    reseal(copy)
    assert found(copy) == []


def test_json_is_read_as_json(copy: Path) -> None:
    """Another writer's spelling of the same record is no fault of the record, and one of the index and the hash."""
    path = copy / "unicorn_authors" / "Instruction.json"
    head, *records, tail = path.read_bytes().splitlines(keepends=True)
    spelled = [
        json.dumps(json.loads(line.rstrip(b",\n"))).encode() + (b",\n" if b",\n" in line else b"\n") for line in records
    ]
    path.write_bytes(b"".join([head, *spelled, tail]))
    reseal(copy)
    assert found(copy) == []


def test_surplus_in_two_copies_is_told_of_both(copy: Path) -> None:
    paths = [copy / "llava" / "pretrain.json", copy / "unicorn_authors" / "Pretrain.json"]
    for path in paths:
        path.write_bytes(path.read_bytes().removesuffix(b"]\n") + b"{}\n]\n")
    reseal(copy)
    for path in paths:
        one(found(copy), f"{path} does not end after its record")


def test_a_copy_that_the_disk_does_not_give_is_named_and_no_other(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: tarfile.TarFile) -> tarfile.TarInfo | None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(tarfile.TarFile, "next", broken)
    assert found(copy)
    assert all(".tar cannot be read: Input/output error" in fault for fault in found(copy))
