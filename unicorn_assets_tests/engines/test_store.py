"""The answer store as its users see it: nothing lost, nothing doubled, nothing mistaken."""

import dataclasses
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.engines import compacted
from unicorn_assets.engines.base import Answer, Message, Model
from unicorn_assets.engines.store import AnswerReader, AnswerStore
from unicorn_assets.errors import BusyError
from unicorn_assets_tests.engines.store_answers import MODEL, PROCESSES, asked, filled, hold, put

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=50)
TOKENS = st.integers(min_value=0, max_value=2**40)
ANSWERS = st.builds(Answer, ANY_TEXT, ANY_TEXT, TOKENS, TOKENS, ANY_TEXT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers" / "expanded_captions" / "shard-0000"


def journal(path: Path) -> Path:
    return path.with_name(f"{path.name}.journal")


def parquet(path: Path) -> Path:
    return path.with_name(f"{path.name}.parquet")


@given(answers=st.lists(ANSWERS, min_size=1, max_size=5), model=st.builds(Model, ANY_TEXT, ANY_TEXT, ANY_TEXT))
@settings(deadline=None, max_examples=40)
def test_what_is_put_comes_back_from_both_files(tmp_path_factory, answers, model):
    path = tmp_path_factory.mktemp("answers") / "shard-0000"
    given_ = {}
    with AnswerStore(path) as store:
        for number, answer in enumerate(answers):
            request = asked(number)[1]
            given_[request.key(model)] = answer
            store.put(request.key(model), request, model, answer)
        assert {key: store.get(key) for key in given_} == given_
    for _ in range(2):
        with AnswerStore(path) as store:
            assert {key: store.get(key) for key in given_} == given_
            store.compact()
            assert {key: store.get(key) for key in given_} == given_
            assert len(store) == len(given_)
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("text", ["", "ä" * 5_000_000, "\ud83d\ude00 is not 😀", "\x00\n\u2028", "\x7f\xff"])
def test_unusual_texts_come_back(path, text):
    with AnswerStore(path) as store:
        key = put(store, 1, text)
        assert store.get(key).text == text
        store.compact()
        assert store.get(key).text == text


def test_everything_about_the_request_is_kept(path):
    filled(path, range(1))
    with AnswerStore(path) as store:
        store.compact()
    key, request, answer = asked(0)
    (row,) = pq.read_table(parquet(path)).to_pylist()
    assert (row["id"], row["key"], row["task"], row["prompt_version"]) == (request.id, key, "expansion", "1")
    assert (row["engine"], row["model"], row["revision"]) == (b"rules", b"rules", b"1")
    assert (row["temperature"], row["top_p"], row["max_tokens"], row["seed"]) == (0.7, 0.9, 512, 0)
    assert (row["text"].decode(), row["reported_model"]) == (answer.text, b"served")


@pytest.mark.parametrize(
    ("change", "model"),
    [
        ({"task": "multiple_choice"}, MODEL),
        ({"messages": (Message("system", "seed 3"),)}, MODEL),
        ({"messages": (Message("user", "seed 3."),)}, MODEL),
        ({"messages": (Message("user", "seed 3"), Message("user", ""))}, MODEL),
        ({"prompt_version": "2"}, MODEL),
        ({"schema": {}}, MODEL),
        ({}, Model("openai", "rules", "1")),
        ({}, Model("rules", "other", "1")),
        ({}, Model("rules", "rules", "2")),
    ],
)
def test_another_request_finds_nothing(path, change, model):
    _, request, answer = asked(3)
    with AnswerStore(path) as store:
        put(store, 3)
        other = dataclasses.replace(request, **change)
        assert store.get(other.key(model)) is None
        store.compact()
        assert other.key(model) not in store
        assert store.get(request.key(MODEL)) == answer


@pytest.mark.parametrize("change", [{"temperature": 0.71}, {"top_p": 1.0}, {"max_tokens": 513}, {"seed": 4}])
def test_another_sampling_finds_nothing(path, change):
    _, request, _ = asked(3)
    with AnswerStore(path) as store:
        put(store, 3)
        other = dataclasses.replace(request, sampling=dataclasses.replace(request.sampling, **change))
        assert store.get(other.key(MODEL)) is None


def test_the_first_answer_to_a_key_stays(path):
    with AnswerStore(path) as store:
        key = put(store, 1, "first")
        size = journal(path).stat().st_size
        put(store, 1, "second")
        assert (store.get(key).text, len(store), journal(path).stat().st_size) == ("first", 1, size)
        store.compact()
        put(store, 1, "third")
        assert store.get(key).text == "first"
        assert not journal(path).exists()


def test_compacted_bytes_do_not_depend_on_the_order_of_arrival(tmp_path):
    numbers = list(range(300))
    files = set()
    for seed in range(3):
        path = tmp_path / f"{seed}" / "shard-0000"
        random.Random(seed).shuffle(numbers)
        with AnswerStore(path) as store:
            for place, number in enumerate(numbers):
                put(store, number, f"answer {number}")
                if seed and place == 100 * seed:
                    store.compact()
            store.compact()
            assert not journal(path).exists()
        files.add(parquet(path).read_bytes())
    assert len(files) == 1
    ids = pq.read_table(parquet(path), columns=["id"])["id"].to_pylist()
    assert ids == sorted(ids)


def test_answers_come_from_any_row_group_in_any_order(path, monkeypatch):
    monkeypatch.setattr(compacted, "GROUP_ROWS", 10)
    monkeypatch.setattr(compacted, "GROUP_BYTES", 200_000)
    filled(path, range(95))
    with AnswerStore(path) as store:
        store.compact()
    assert pq.ParquetFile(parquet(path)).num_row_groups > 10
    with AnswerStore(path) as store:
        for number in random.Random(0).choices(range(95), k=200):
            key, _, answer = asked(number)
            assert store.get(key) == answer
        assert asked(95)[0] not in store


def test_compacting_nothing_does_nothing(path):
    with AnswerStore(path) as store:
        store.compact()
        assert not parquet(path).exists()
        put(store, 1)
        store.compact()
        made = parquet(path).stat()
        store.compact()
    with AnswerStore(path) as store:
        store.compact()
    assert (parquet(path).stat().st_ino, parquet(path).stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_a_second_process_is_told_who_has_the_store(path):
    here, there = PROCESSES.Pipe()
    child = PROCESSES.Process(target=hold, args=(path, there))
    child.start()
    assert here.recv() == "open"
    with pytest.raises(BusyError, match=rf"(?s)id {child.pid}.*shard-0000.*shard-0000\.lock"):
        AnswerStore(path, wait_seconds=0.1)
    here.send("stop")
    with AnswerStore(path, wait_seconds=5) as store:
        put(store, 1)
    child.join()


def test_a_reader_sees_what_stands_beside_a_living_writer(path):
    assert len(AnswerReader(path)) == 0
    assert not path.parent.exists()
    with AnswerStore(path) as store:
        first, second = put(store, 1), put(store, 2)
        size = journal(path).stat().st_size
        with journal(path).open("ab") as torn:
            torn.write(journal(path).read_bytes()[:40])
        with AnswerReader(path) as reader:
            assert (len(reader), reader.recovered_bytes) == (2, 40)
            assert reader.get(first) == asked(1)[2]
            assert journal(path).stat().st_size == size + 40
            third = put(store, 3)
            store.compact()
            assert reader.get(second) == asked(2)[2]
        with AnswerReader(path) as reader:
            assert reader.get(third) == asked(3)[2]
            assert len(reader) == 3


def test_a_closed_store_takes_nothing_and_lets_others_in(path):
    store = AnswerStore(path)
    store.close()
    store.close()
    with pytest.raises(ValueError, match="closed"):
        put(store, 1)
    assert not journal(path).exists()
    with AnswerStore(path, wait_seconds=0):
        pass


def test_the_answers_of_some_samples_are_counted_once_each_in_both_files(path):
    ids = [asked(number)[1].id for number in range(3)]
    with AnswerStore(path) as store:
        for number in range(3):
            put(store, number, "before")
        journalled = journal(path).read_bytes()
        store.compact()
        assert store.count({ids[0], ids[2], "nobody"}) == 2
    journal(path).write_bytes(journalled)  # as a kill in the middle of `compact` leaves it
    with AnswerReader(path) as reader:
        assert reader.count(set(ids[:2])) == 2
        assert reader.count(set()) == 0
    with AnswerReader(path.with_name("shard-0001")) as reader:
        assert reader.count(set(ids)) == 0
