"""The file of all seeds: row groups, hashes, bytes."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.sorting import row_groups
from unicorn_assets.synthesis.seeds.buckets import ROWS_PER_GROUP, SEEDS, read_bucket, write_buckets

SHARDS = ["shard-0000", "shard-0001", "shard-0002", "shard-0003"]


def table(sizes, seed="a dog"):
    shards = [shard for shard, size in zip(SHARDS, sizes, strict=True) for _ in range(size)]
    values = {name: ["x"] * len(shards) for name in SEEDS.names}
    values |= {
        "id": [f"{number:020x}" for number in range(len(shards))],
        "shard": shards,
        "seed": [f"{seed} {shard}" for shard in shards],
        "image_id": [None] * len(shards),
        "row": list(range(len(shards))),
    }
    return pa.table(values, schema=SEEDS)


def batches(rows, size=2048):
    return rows.to_batches(max_chunksize=size)


def test_one_shard_is_read_without_the_others(tmp_path):
    path = tmp_path / "seeds.parquet"
    rows = table([5, 0, 25_000, 3])
    hashes = write_buckets(path, batches(rows), SHARDS)
    assert list(hashes) == SHARDS
    assert [read_bucket(path, shard).num_rows for shard in SHARDS] == [5, 0, 25_000, 3]
    assert read_bucket(path, "shard-0001").schema == SEEDS
    assert pa.concat_tables(read_bucket(path, shard) for shard in SHARDS).equals(rows)

    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [
        5,
        10_000,
        10_000,
        5000,
        3,
    ]
    data = bytearray(path.read_bytes())
    start = groups.row_group(1).column(0).dictionary_page_offset or groups.row_group(1).column(0).data_page_offset
    data[start : start + 50] = b"\xff" * 50
    path.write_bytes(bytes(data))
    assert read_bucket(path, "shard-0003").num_rows == 3
    with pytest.raises(LakeError, match="cannot be read"):
        read_bucket(path, "shard-0002")


def test_a_hash_depends_on_its_shard_alone(tmp_path):
    path = tmp_path / "seeds.parquet"
    one = write_buckets(path, batches(table([5, 0, 7, 3])), SHARDS)
    other = table([5, 0, 7, 3]).to_pylist()
    other[6]["seed"] = "another"
    two = write_buckets(path, batches(pa.Table.from_pylist(other, schema=SEEDS)), SHARDS)
    assert [shard for shard in SHARDS if one[shard] != two[shard]] == ["shard-0002"]


def test_a_hash_sees_every_column(tmp_path):
    path = tmp_path / "seeds.parquet"
    rows = table([1, 0, 0, 0])
    first = write_buckets(path, batches(rows), SHARDS)["shard-0000"]
    for name in set(SEEDS.names) - {"shard"}:
        row = rows.to_pylist()[0]
        row[name] = 99 if name == "row" else "changed"
        changed = pa.Table.from_pylist([row], schema=SEEDS)
        assert write_buckets(path, batches(changed), SHARDS)["shard-0000"] != first


def test_a_file_does_not_depend_on_the_batches(tmp_path):
    rows = table([5, 0, 25_000, 12_000])
    for number, size in enumerate((2048, 777, 30_000, ROWS_PER_GROUP)):
        write_buckets(tmp_path / f"{number}.parquet", batches(rows, size), SHARDS)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("data", [None, b"", b"PAR1"])
def test_missing_or_damaged_file(tmp_path, data):
    path = tmp_path / "seeds.parquet"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(LakeError, match=r"seeds\.parquet cannot be read"):
        read_bucket(path, "shard-0000")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 12_000), min_size=4, max_size=4), st.integers(1, 15_000), st.booleans())
def test_row_groups_keep_rows_and_order(sizes, size, by_shard):
    rows = table(sizes)
    groups = list(row_groups(batches(rows, max(size, 500)), ROWS_PER_GROUP, by="shard" if by_shard else None))
    assert all(0 < group.num_rows <= ROWS_PER_GROUP for group in groups)
    if by_shard:
        assert all(len(set(group["shard"].to_pylist())) == 1 for group in groups)
        assert len(groups) == sum(-(-size // ROWS_PER_GROUP) for size in sizes)
    else:
        assert len(groups) == -(-sum(sizes) // ROWS_PER_GROUP)
    assert [row for group in groups for row in group["row"].to_pylist()] == rows["row"].to_pylist()
