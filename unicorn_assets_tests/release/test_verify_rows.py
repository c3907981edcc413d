"""`unicorn verify` where every hash is right: rows and vectors that do not fit are named with their file and row."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.lake.vectors import read_vectors
from unicorn_assets.release.manifest import FILE, Manifest
from unicorn_assets.release.splits import split_of
from unicorn_assets_tests.release.damage import DIALOGS, ROWS, VECTORS, changed, found, one, reseal, revector, rewrite
from unicorn_assets_tests.release.lakes import SmallLake


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
