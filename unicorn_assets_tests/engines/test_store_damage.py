"""Rotten, foreign and cut-short files of the answer store: every good answer is kept, no wrong one is given."""

import logging
from pathlib import Path

import pytest

from unicorn_assets.engines import journal as journals
from unicorn_assets.engines import records
from unicorn_assets.engines.store import AnswerReader, AnswerStore
from unicorn_assets.errors import LakeError
from unicorn_assets_tests.engines.store_answers import asked, filled, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shard-0000"


def boundaries(path: Path, count: int) -> list[int]:
    """Where the records of a new journal of `count` answers start, and where it ends."""
    sizes = [0]
    with AnswerStore(path) as store:
        for number in range(count):
            put(store, number)
            sizes.append(path.with_suffix(".journal").stat().st_size)
    return sizes


def flipped(content: bytes, place: int, mask: int = 0x20) -> bytes:
    return content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]


@pytest.mark.parametrize("window", [4, 9, 11, 64, 1 << 20])
def test_rot_in_the_journal_costs_the_answer_it_is_in_and_no_other(path, monkeypatch, window):
    monkeypatch.setattr(records, "_SEARCH_BYTES", window)
    monkeypatch.setattr(journals.log, "disabled", True)
    starts = boundaries(path, 4)
    file = path.with_suffix(".journal")
    whole = file.read_bytes()
    for place in range(0, len(whole), 3 if window == 64 else 17):
        file.write_bytes(flipped(whole, place))
        rotten = sum(start <= place for start in starts) - 1
        with AnswerReader(path) as reader:
            for number in range(4):
                key, _, answer = asked(number)
                assert reader.get(key) == (None if number == rotten else answer)
            size = starts[rotten + 1] - starts[rotten]
            if rotten == 3:
                assert (reader.recovered_bytes, reader.damage) == (size, [])
            else:
                assert reader.damage == [journals.Damage(starts[rotten], size)]


def test_rot_in_the_journal_is_reported_and_mended_by_asking_again(path, caplog):
    starts = boundaries(path, 4)
    file = path.with_suffix(".journal")
    file.write_bytes(flipped(flipped(file.read_bytes(), starts[1] + 40), starts[2] + 40))
    with caplog.at_level(logging.WARNING), AnswerStore(path) as store:
        assert str(file) in caplog.text
        assert f"from byte {starts[1]} on" in caplog.text
        assert len(store) == 2
        for number in range(4):
            put(store, number)
        store.compact()
        assert store.damage == [journals.Damage(starts[1], starts[3] - starts[1])]
    caplog.clear()
    with AnswerStore(path) as store:
        assert [store.get(asked(number)[0]) for number in range(4)] == [asked(number)[2] for number in range(4)]
        assert (store.damage, caplog.text) == ([], "")


def test_rot_after_opening_is_noticed_too(path):
    starts = boundaries(path, 2)
    file = path.with_suffix(".journal")
    with AnswerStore(path) as store:
        file.write_bytes(flipped(file.read_bytes(), starts[1] + 40))
        assert store.get(asked(0)[0]) == asked(0)[2]
        with pytest.raises(LakeError, match=rf"(?s)shard-0000\.journal is damaged at byte {starts[1]}.*run again"):
            store.get(asked(1)[0])


@pytest.mark.parametrize("content", [b"id,caption\n1,two dogs\n", b"\xffUA\x02" + b"x" * 100])
@pytest.mark.parametrize("kind", [AnswerReader, AnswerStore])
def test_a_file_that_is_no_journal_is_left_alone(path, content, kind):
    path.with_suffix(".journal").write_bytes(content)
    with pytest.raises(LakeError, match=r"(?s)shard-0000\.journal is no journal.*move it away"):
        kind(path)
    assert path.with_suffix(".journal").read_bytes() == content
    path.with_suffix(".journal").unlink()
    with AnswerStore(path, wait_seconds=0) as store:
        put(store, 1)


def compacted(path: Path, count: int) -> bytes:
    filled(path, range(count), "a short answer")
    with AnswerStore(path) as store:
        store.compact()
    return path.with_suffix(".parquet").read_bytes()


def test_a_parquet_file_cut_short_is_named(path):
    whole = compacted(path, 50)
    for size in range(0, len(whole), 97):
        path.with_suffix(".parquet").write_bytes(whole[:size])
        with pytest.raises(LakeError, match=r"(?s)shard-0000\.parquet cannot be read.*delete it"):
            AnswerStore(path)


def test_rot_in_a_parquet_file_never_gives_a_wrong_answer(path):
    whole = compacted(path, 50)
    noticed = unnoticed = 0
    for place in range(0, len(whole), 13):
        path.with_suffix(".parquet").write_bytes(flipped(whole, place))
        try:
            with AnswerReader(path) as reader:
                found = [reader.get(asked(number)[0]) for number in range(50)]
        except LakeError as error:
            noticed += "shard-0000.parquet" in str(error)
        else:
            unnoticed += 1
            assert found == [asked(number, "a short answer")[2] for number in range(50)], place
    assert noticed + unnoticed == len(range(0, len(whole), 13))
    assert noticed > 100


@pytest.mark.parametrize("ending", ["journal", "parquet", "lock"])
def test_a_folder_in_a_file_s_place_is_named(path, ending):
    path.with_suffix(f".{ending}").mkdir()
    with pytest.raises(LakeError, match=rf"shard-0000\.{ending}"):
        AnswerStore(path)


def test_a_file_in_the_folder_s_place_is_named(tmp_path):
    (tmp_path / "answers").write_text("")
    with pytest.raises(LakeError, match="answers"):
        AnswerStore(tmp_path / "answers" / "expanded_captions" / "shard-0000")


def test_another_parquet_file_is_refused(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": ["00" * 16]}), path.with_suffix(".parquet"))
    with pytest.raises(LakeError, match=r"(?s)shard-0000\.parquet.*does not look like"):
        AnswerStore(path)
