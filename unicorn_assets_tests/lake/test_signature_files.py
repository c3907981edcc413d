import numpy as np
import pyarrow as pa
import pytest

from unicorn_assets.curation.duplicates.signatures import signatures
from unicorn_assets.errors import LakeError
from unicorn_assets.lake.signature_files import read, write

HEADER = {"texts": ["ab"], "algorithm": {"version": 1}}
TEXTS = ["a red car in front of an old house", "", "猫が窓辺で寝ている", *(f"text {number}" for number in range(3000))]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "signatures" / "caption" / "shard-0000.arrow"


def put(path, texts=TEXTS, header=HEADER):
    parts = list(signatures(texts, 3, 0.8))
    ids = pa.array([f"{number:020d}" for number in range(len(texts))], pa.string())
    write(path, header, ids, np.arange(len(texts), dtype=np.int32), pa.chunked_array([texts], pa.string()), parts)
    return parts


def test_what_is_written_is_read(path):
    parts = put(path)
    assert len(parts) == 2
    found = read(path, HEADER)
    assert found.ids.astype(str).tolist() == [f"{number:020d}" for number in range(len(TEXTS))]
    assert found.places.tolist() == list(range(len(TEXTS)))
    assert found.texts.to_pylist() == TEXTS
    assert found.at(np.array([2, 0, 2])) == [TEXTS[2], TEXTS[0], TEXTS[2]]
    assert found.at(np.array([], np.int64)) == []
    for name in ("keys", "shingles", "bands", "samples"):
        assert (getattr(found.signatures, name) == np.concatenate([getattr(part, name) for part in parts])).all()
    one = next(signatures([TEXTS[2]], 3, 0.8))
    begin, end = found.signatures.offsets[2:4]
    assert found.signatures.samples[begin:end].tolist() == one.samples.tolist()


def test_a_shard_without_texts(path):
    put(path, [])
    found = read(path, HEADER)
    assert len(found.signatures) == len(found.ids) == len(found.places) == 0
    assert found.signatures.offsets.tolist() == [0]
    assert len(found.signatures.bands) == len(found.texts) == 0


@pytest.mark.parametrize("header", [{}, {**HEADER, "texts": ["cd"]}, {**HEADER, "algorithm": {"version": 2}}])
def test_those_of_other_texts_or_another_version_are_not_used(path, header):
    put(path)
    assert read(path, header) is None
    assert read(path, HEADER) is not None


@pytest.mark.parametrize("kept", [0, 7, 1000, -1, -20])
def test_a_file_cut_short_is_not_used(path, kept):
    put(path)
    path.write_bytes(path.read_bytes()[:kept])
    assert read(path, HEADER) is None


def test_a_missing_file_is_not_used(path):
    assert read(path, HEADER) is None


def test_equal_signatures_give_equal_bytes(path, tmp_path):
    put(path)
    put(tmp_path / "again.arrow")
    assert path.read_bytes() == (tmp_path / "again.arrow").read_bytes()


def test_a_folder_in_the_way_is_named(path):
    path.parent.parent.mkdir(parents=True)
    path.parent.write_text("in the way")
    with pytest.raises(LakeError, match="cannot be written"):
        put(path)
