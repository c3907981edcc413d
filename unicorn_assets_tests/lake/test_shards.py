from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import (
    BATCH_ROWS,
    SET_ASIDE,
    ShardWriter,
    open_parquet,
    parquet_writer,
    read_rows,
    with_fingerprint,
)
from unicorn_assets.lake.vectors import read_vectors
from unicorn_assets_tests.lake.making import TEXT, ids

FINGERPRINT = "ab" * 16
TURN = pa.struct([("question", pa.string()), ("answer", pa.string()), ("options", pa.list_(pa.string()))])
SCHEMAS = [
    TEXT,
    pa.schema([("id", pa.string())]),
    pa.schema(
        [("id", pa.string()), ("conversations", pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())])))]
    ),
    pa.schema([("id", pa.string()), ("turns", pa.list_(TURN)), ("repaired", pa.bool_()), ("tokens", pa.int32())]),
    pa.schema([("id", pa.string()), ("repetition", pa.float32()), ("row", pa.int64())]),
]
VALUES = {
    "id": "a" * 20,
    "text": "a caption",
    "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "A dog."}],
    "turns": [
        {"question": "What?", "answer": "A", "options": ["a dog", "a cat"]},
        {"question": "", "answer": "", "options": []},
    ],
    "repaired": True,
    "tokens": 7,
    "repetition": 0.5,
    "row": 2**40,
}


def written(root: Path, rows: list[dict], schema: pa.Schema = TEXT) -> Path:
    """The path of a finished draft with these rows, kept after its block."""
    with Drafts(Lake(root), "stage", "shard-0000") as drafts:
        out = ShardWriter(drafts, schema, FINGERPRINT)
        for row in rows:
            out.row(**row)
        out.finish()
        return drafts.paths["rows"].rename(root / "rows.parquet")


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: "+".join(schema.names))
@pytest.mark.parametrize("count", [0, 1, 3])
def test_columns_and_rows_are_read_back_as_they_were_declared(tmp_path, schema, count):
    rows = [{name: VALUES[name] for name in schema.names}] * count
    path = written(tmp_path, rows, schema)
    found = pq.read_schema(path).remove_metadata()
    assert found.equals(with_fingerprint(schema))
    assert found.names == [*schema.names, "fingerprint"]
    assert list(read_rows(path)) == [{**row, "fingerprint": FINGERPRINT} for row in rows]
    assert list(read_rows(path, ["id"])) == [{"id": row["id"]} for row in rows]


def test_a_shard_without_rows_has_its_columns_and_is_accounted_for(tmp_path):
    with Drafts(Lake(tmp_path), "stage", "shard-0000") as drafts:
        out = ShardWriter(drafts, TEXT, FINGERPRINT)
        out.open_vectors(4)
        out.finish()
        assert out.rows_out == 0
        assert pq.read_schema(drafts.paths["set_aside"]).equals(SET_ASIDE)
        names, vectors = read_vectors(drafts.paths["vectors"])
        assert (names, vectors.shape) == ([], (0, 4))
        assert {kind: data.name for kind, data in drafts.describe().items()} == {
            "rows": "shard-0000.parquet",
            "set_aside": "set_aside/shard-0000.parquet",
            "vectors": "shard-0000.arrow",
        }


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["kept", "rejected", "skipped"]), max_size=40), st.randoms(use_true_random=False))
def test_every_row_comes_out_somewhere_once(tmp_path, fates, draw):
    with Drafts(Lake(tmp_path), "stage", "shard-0000") as drafts:
        out = ShardWriter(drafts, TEXT, FINGERPRINT)
        for sample, fate in zip(ids(len(fates)), fates, strict=True):
            if fate == "kept":
                out.row(id=sample, text="t")
            elif fate == "rejected":
                out.reject(sample, draw.choice(["too_long", "url"]), "why", "text")
            else:
                out.skip(sample, "not_drawn")
        assert out.rows_out + out.rejected.total() + out.not_selected.total() == len(fates)
        out.finish()
        kept = [row["id"] for row in read_rows(drafts.paths["rows"])]
        aside = list(read_rows(drafts.paths["set_aside"]))
    assert out.rows_out == len(kept) == fates.count("kept")
    assert sorted(kept + [row["id"] for row in aside]) == ids(len(fates))
    for reasons, outcome in ((out.rejected, "rejected"), (out.not_selected, "not_selected")):
        for reason, count in reasons.items():
            assert [row["outcome"] for row in aside if row["reason"] == reason] == [outcome] * count


def test_a_row_without_an_id_is_rejected_all_the_same(tmp_path):
    with Drafts(Lake(tmp_path), "stage", "shard-0000") as drafts:
        out = ShardWriter(drafts, TEXT, FINGERPRINT)
        out.reject(None, "empty", "line 7")
        out.finish()
        assert list(read_rows(drafts.paths["set_aside"])) == [
            {"id": None, "outcome": "rejected", "reason": "empty", "detail": "line 7", "text": ""}
        ]


@pytest.mark.parametrize("columns", [{"id": "a"}, {"id": "a", "text": "t", "more": 1}, {"id": "a", "txet": "t"}])
def test_a_row_with_other_columns_is_never_cut_to_fit(tmp_path, columns):
    with Drafts(Lake(tmp_path), "stage", "shard-0000") as drafts, pytest.raises(TypeError, match="columns"):
        ShardWriter(drafts, TEXT, FINGERPRINT).row(**columns)


@pytest.mark.parametrize("count", [0, 1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1])
def test_the_same_rows_give_the_same_bytes_in_groups_of_one_size(tmp_path, count):
    rows = [{"id": f"{number:020x}", "text": f"caption {number}"} for number in range(count)]
    first, again = (written(tmp_path / name, rows).read_bytes() for name in ("first", "again"))
    assert first == again
    with open_parquet(tmp_path / "first" / "rows.parquet") as parquet:
        sizes = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
    assert sum(sizes) == count
    assert all(size == BATCH_ROWS for size in sizes[:-1])


@pytest.mark.parametrize("cuts", [[], [1], [BATCH_ROWS], [7, 4000, 4097, 8191]])
def test_the_same_vectors_give_the_same_bytes_however_they_are_handed_over(tmp_path, cuts):
    count = 2 * BATCH_ROWS + 3
    names = [f"{number:020x}" for number in range(count)]
    vectors = np.random.default_rng(1).standard_normal((count, 4)).astype(np.float16)
    files = []
    for name, edges in (("whole", []), ("parts", cuts)):
        with Drafts(Lake(tmp_path / name), "stage", "shard-0000") as drafts:
            out = ShardWriter(drafts, TEXT, FINGERPRINT)
            writer = out.open_vectors(4)
            for start, end in zip([0, *edges], [*edges, count], strict=True):
                writer.write(names[start:end], vectors[start:end])
                for sample in names[start:end]:
                    out.row(id=sample, text="t")
            out.finish()
            files.append({kind: path.read_bytes() for kind, path in drafts.paths.items()})
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: None,
        lambda data: b"",
        lambda data: b"garbage" * 100,
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"PAR1" + b"\x00" * len(data) + b"PAR1",
        lambda data: data[:8] + b"\xff" * 200 + data[208:],
    ],
)
def test_a_file_missing_cut_short_or_overwritten_is_named(tmp_path, damage):
    path = written(tmp_path, [{"id": sample, "text": sample} for sample in ids(50)])
    data = damage(path.read_bytes())
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(LakeError) as caught:
        list(read_rows(path))
    assert str(path) in caught.value.what
    assert "\n" not in caught.value.what
    assert "materialize its shard again" in caught.value.cure


def test_a_file_cut_short_anywhere_is_never_read_as_a_shorter_one(tmp_path):
    path = written(tmp_path, [{"id": sample, "text": sample} for sample in ids(5)])
    data = path.read_bytes()
    for size in range(0, len(data), 11):
        path.write_bytes(data[:size])
        with pytest.raises(LakeError, match=r"rows\.parquet cannot be read as Parquet"):
            list(read_rows(path))


def test_a_column_that_is_not_there_is_told_and_not_left_out(tmp_path):
    path = written(tmp_path, [{"id": "a", "text": "t"}])
    with pytest.raises(LakeError, match="it has no column 'caption'"):
        list(read_rows(path, ["id", "caption"]))


def test_rows_can_be_left_before_their_end(tmp_path):
    path = tmp_path / "rows.parquet"
    with parquet_writer(path, TEXT) as writer:
        writer.write_table(pa.Table.from_pylist([{"id": "a", "text": "t"}] * 10, schema=TEXT))
    rows = read_rows(path)
    assert next(rows) == {"id": "a", "text": "t"}
    rows.close()
