"""`unicorn verify`: every kind of damage is caused here, found, and named with its file and row."""

import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.vectors import VectorWriter, read_vectors
from unicorn_assets.release import llava, verify, webdataset
from unicorn_assets.release.build import _describe
from unicorn_assets.release.manifest import FILE, Manifest
from unicorn_assets.release.splits import split_of
from unicorn_assets_tests.release.lakes import SmallLake

SHARD = "shard-0001"
VECTORS, ROWS, DIALOGS = f"embeddings/{SHARD}.arrow", f"pretrain/{SHARD}.parquet", f"instruction/{SHARD}.parquet"


@pytest.fixture
def copy(everything: tuple[SmallLake, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(everything[1], tmp_path / "release"))


def found(folder: Path) -> list[str]:
    faults = list(verify.verify(folder))
    assert all(fault.cure.endswith(".") and fault.what.endswith(".") for fault in faults)
    return [fault.what for fault in faults]


def reseal(folder: Path, **changes: Any) -> None:
    """The manifest as if the files had been released as they are: damage that no hash tells."""
    manifest = Manifest.model_validate_json((folder / FILE).read_bytes())
    (folder / FILE).unlink()
    (folder / FILE).write_text(manifest.model_copy(update={"files": _describe(folder)} | changes).sealed().dump())


def test_a_whole_release_has_no_faults(everything: tuple[SmallLake, Path], made: tuple[SmallLake, Path]) -> None:
    assert found(everything[1]) == []
    assert found(made[1]) == []


def test_progress_ends_at_the_last_shard(made: tuple[SmallLake, Path]) -> None:
    told: list[tuple[str, int, int]] = []
    assert list(verify.verify(made[1], lambda *said: told.append(said))) == []
    assert told == [("shards", 1, 2), ("shards", 2, 2)]


EVERY_FILE = (
    ROWS,
    DIALOGS,
    VECTORS,
    f"validation/pretrain/{SHARD}.parquet",
    "llava/pretrain.json",
    "llava/pretrain.index.arrow",
    "validation/llava/instruction.json",
    f"webdataset/pretrain/{SHARD}.tar",
    "unicorn_authors/Pretrain.json",
    "unicorn_authors/embeddings/caption_embeddings_1.pkl",
    "README.md",
)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_flipped_bit_is_named(copy: Path, name: str) -> None:
    path = copy / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert f"{path} does not have the content that manifest.json describes." in found(copy)


@pytest.mark.parametrize("name", [name for name in EVERY_FILE if not name.endswith((".pkl", ".md"))])
def test_whatever_bits_are_flipped_the_look_goes_on(copy: Path, name: str) -> None:
    """The hash tells; beyond it the rows of a damaged file are looked at without a traceback."""
    path = copy / name
    whole = path.read_bytes()
    for place in np.random.default_rng(len(whole)).integers(0, len(whole), 25):
        content = bytearray(whole)
        content[place] ^= 1 << int(place % 8)
        path.write_bytes(content)
        assert f"{path} does not have the content that manifest.json describes." in found(copy)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_file_cut_short_is_named(copy: Path, name: str) -> None:
    path = copy / name
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[: size // 2])
    assert f"{path} has {size // 2:,} bytes instead of {size:,}." in found(copy)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert f"{copy / name} is missing." in found(copy)


def test_a_file_too_many_is_named_where_readers_would_take_it(copy: Path) -> None:
    (copy / "notes.txt").touch()
    assert found(copy) == []
    (copy / "pretrain" / "mine.parquet").touch()
    assert found(copy) == [f"{copy / 'pretrain' / 'mine.parquet'} is no part of the release."]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace('"rows_in": 60', '"rows_in": 61', 1), "does not give the version that it names"),
        (lambda text: re.sub(r'"seal": "\w+"', '"seal": "0"', text), "what it says of changes is not what was written"),
    ],
)
def test_a_changed_manifest_is_named(copy: Path, change: Callable[[str], str], says: str) -> None:
    text = (copy / FILE).read_text()
    (copy / FILE).write_text(change(text))
    assert (copy / FILE).read_text() != text
    assert [one for one in found(copy) if says in one]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff", "is no manifest of a release"),
        (b"[]", "is no manifest of a release"),
        (b'{"format": 1}', "is of format 1"),
        (b'{"format": 2}', "is damaged"),
    ],
)
def test_what_is_no_release_is_refused(copy: Path, content: bytes | None, says: str) -> None:
    (copy / FILE).unlink()
    if content is not None:
        (copy / FILE).write_bytes(content)
    with pytest.raises(LakeError, match=says) as error:
        found(copy)
    assert str(copy / FILE) in error.value.what


# From here on every hash is right: only a look at the rows can tell.


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table], name: str = ROWS) -> None:
    path = folder / name
    pq.write_table(change(pq.read_table(path)), path)
    reseal(folder)


def revector(folder: Path, change: Callable[[list[str], np.ndarray], tuple[list[str], np.ndarray]]) -> None:
    ids, vectors = read_vectors(folder / VECTORS)
    ids, vectors = change(list(ids), np.array(vectors))
    with VectorWriter(folder / VECTORS, vectors.shape[1]) as writer:
        writer.write(ids, vectors)
    reseal(folder)


def changed(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    field = table.schema.field(column)
    return table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))


def one(faults: list[str], *parts: str) -> str:
    matching = [fault for fault in faults if all(part in fault for part in parts)]
    assert len(matching) == 1, faults
    return matching[0]


def test_a_row_too_few_is_counted(copy: Path) -> None:
    rewrite(copy, lambda table: table.slice(0, table.num_rows - 1))
    rows = pq.read_metadata(copy / ROWS).num_rows
    one(found(copy), f"{copy / ROWS} has {rows} rows; manifest.json says {rows + 1}.")


def test_a_row_without_a_vector_is_named(copy: Path) -> None:
    ids, _ = read_vectors(copy / VECTORS)
    train = [name for name in ids if split_of(name, 0.3) == "train"]
    revector(copy, lambda ids, vectors: (without(ids, train[2]), np.delete(vectors, ids.index(train[2]), axis=0)))
    faults = found(copy)
    one(faults, f"{copy / ROWS}, row 2 (id {train[2]}): {VECTORS} has no vector of that id")
    one(faults, f"{copy / VECTORS} has {len(ids) - 1} rows; manifest.json says {len(ids)}")


def without(ids: list[str], name: str) -> list[str]:
    return [one for one in ids if one != name]


def test_a_vector_without_a_row_is_named(copy: Path, everything: tuple[SmallLake, Path]) -> None:
    lost: list[str] = []
    for name in (ROWS, DIALOGS, f"validation/{ROWS}", f"validation/{DIALOGS}"):
        table = pq.read_table(copy / name)
        lost = lost or table["id"].to_pylist()[-2:]
        keep = [row for row, sample in enumerate(table["id"].to_pylist()) if sample not in lost]
        pq.write_table(table.take(keep), copy / name)
    reseal(copy)
    ids, _ = read_vectors(copy / VECTORS)
    where = f"{copy / VECTORS}, row {ids.index(lost[0])} (id {lost[0]}): no table has a row of that id"
    one(found(copy), where, "(and 1 more such rows)")


def test_another_vector_in_the_table_is_named(copy: Path) -> None:
    rewrite(copy, lambda table: changed(table, "image_embedding", 1, [np.float16(0)] * 8))
    sample = pq.read_table(copy / ROWS)["id"][1].as_py()
    one(found(copy), f"{copy / ROWS}, row 1 (id {sample}): its vector is not the one in {VECTORS}")


@pytest.mark.parametrize(("factor", "says"), [(1.01, "the length 1.01"), (0.5, "the length 0.5"), (0.0, "0.0000")])
def test_a_vector_of_another_length_is_named(copy: Path, factor: float, says: str) -> None:
    def stretch(ids: list[str], vectors: np.ndarray) -> tuple[list[str], np.ndarray]:
        vectors[3] *= np.float16(factor)
        return ids, vectors

    revector(copy, stretch)
    one(found(copy), f"{copy / VECTORS}, row 3", says, "instead of 1")


def test_vectors_need_no_length_of_one_where_the_recipe_does_not_renormalise(copy: Path) -> None:
    manifest = Manifest.model_validate_json((copy / FILE).read_bytes())
    revector(copy, lambda ids, vectors: (ids, vectors * np.float16(0.5)))
    plain = manifest.recipe | {"alignment": manifest.recipe["alignment"] | {"renormalise": False}}
    reseal(copy, recipe=plain)
    faults = found(copy)
    assert faults
    assert not [fault for fault in faults if "the length" in fault]


def test_a_vector_that_is_not_finite_is_named(copy: Path) -> None:
    ids, vectors = read_vectors(copy / VECTORS)
    broken = np.array(vectors)
    broken[4, 2] = np.nan
    kind = pa.list_(pa.float16(), broken.shape[1])
    columns = [pa.array(ids), pa.FixedSizeListArray.from_arrays(pa.array(broken.reshape(-1)), type=kind)]
    batch = pa.record_batch(columns, schema=pa.schema([("id", pa.string()), ("embedding", kind)]))
    with pa.ipc.new_file(str(copy / VECTORS), batch.schema) as writer:
        writer.write_batch(batch)
    reseal(copy)
    one(found(copy), f"{copy / VECTORS}, row 4 (id {ids[4]}): the vector is not finite")


def test_vectors_of_another_dimension_are_named(copy: Path) -> None:
    revector(copy, lambda ids, vectors: (ids, vectors[:, :4]))
    assert found(copy) == [f"{copy / VECTORS} has vectors of 4 numbers instead of 8."]


def test_a_row_on_the_wrong_side_is_named(copy: Path) -> None:
    """Swaps the two files of a shard: the same rows, and all of them leak."""
    aside = f"validation/{ROWS}"
    train, held = (pq.read_table(copy / name) for name in (ROWS, aside))
    pq.write_table(held, copy / ROWS)
    pq.write_table(train, copy / aside)
    reseal(copy)
    faults = found(copy)
    sample = held["id"][0].as_py()
    one(faults, f"{copy / ROWS}, row 0 (id {sample}): its seed is drawn for validation, and it stands in train")
    one(faults, f"{copy / aside}, row 0", "drawn for train, and it stands in validation", "more such rows")


def test_rows_out_of_order_and_twice_are_named(copy: Path) -> None:
    sample = pq.read_table(copy / ROWS)["id"][0].as_py()
    rewrite(copy, lambda table: pa.concat_tables([table.slice(0, 1), table.slice(0, table.num_rows - 1)]))
    one(found(copy), f"{copy / ROWS}, row 1 (id {sample}): it comes again, or not in the order of the ids")


def test_what_is_no_id_is_named(copy: Path) -> None:
    rewrite(copy, lambda table: changed(table, "id", 2, "ABC"))
    one(found(copy), f"{copy / ROWS}, row 2: 'ABC' is no id")


def test_a_row_in_a_shard_of_others_is_named(copy: Path) -> None:
    other = pq.read_table(copy / "pretrain" / "shard-0000.parquet")["id"][0].as_py()
    rewrite(copy, lambda table: changed(table, "id", 0, other))
    one(found(copy), f"{copy / ROWS}, row 0 (id {other}): it belongs to shard-0000")


@pytest.mark.parametrize("column", ["id", "caption", "conversations", "image_embedding"])
def test_a_row_with_nothing_in_a_column_is_named(copy: Path, column: str) -> None:
    rewrite(copy, lambda table: changed(table, column, 1, None))
    one(found(copy), f"{copy / ROWS}, row 1: it has no {column}.")


def test_a_missing_column_is_named(copy: Path) -> None:
    rewrite(copy, lambda table: table.drop_columns("caption"))
    one(found(copy), f"{copy / ROWS} has no column 'caption' of type string.")


def test_two_captions_of_one_id_are_named(copy: Path) -> None:
    rewrite(copy, lambda table: changed(table, "caption", 0, "Another."), DIALOGS)
    one(found(copy), f"{copy / DIALOGS}, row 0", "another table gives that id another caption")


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


def test_counts_of_the_manifest_that_do_not_fit_are_named(copy: Path) -> None:
    manifest = Manifest.model_validate_json((copy / FILE).read_bytes())
    pretrain = manifest.tables["pretrain"]
    wrong = pretrain.model_copy(update={"rows": pretrain.rows + 1})
    reseal(copy, tables=manifest.tables | {"pretrain": wrong})
    faults = found(copy)
    one(faults, f"{copy / FILE} says that pretrain has {pretrain.rows + 1} rows; its 2 shards have {pretrain.rows}")
    one(faults, f"{copy / FILE} counts ", "rows of pretrain by licence")


def test_pickles_are_never_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copy / "unicorn_authors" / "embeddings" / "caption_embeddings_1.pkl"
    path.write_bytes(b"cbuiltins\nexec\n(S'raise SystemExit(9)'\ntR.")
    reseal(copy)
    assert found(copy) == []


def test_every_fault_of_one_look_is_told_at_once(copy: Path) -> None:
    (copy / "README.md").unlink()
    (copy / "llava" / "pretrain.json").write_text("[]\n")
    (copy / "validation" / "instruction" / "mine").touch()
    faults = found(copy)
    for name in ("README.md", "llava/pretrain.json", "validation/instruction/mine"):
        assert [fault for fault in faults if name in fault], name


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
