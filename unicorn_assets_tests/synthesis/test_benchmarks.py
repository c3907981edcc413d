"""Benchmark files: what is taken of them, and one clear error where nothing can be."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicorn_assets.curation.decontamination import Source
from unicorn_assets.decontamination import Benchmark
from unicorn_assets.errors import BenchmarkError
from unicorn_assets.synthesis.benchmarks import read_texts


def texts(path, **more):
    return read_texts(Benchmark(name="vqa", path=str(path), **more))


def test_questions_and_captions_are_guessed(tmp_path):
    path = tmp_path / "vqa.jsonl"
    rows = [{"Question": "Why?", "caption": "A dog.", "answer": "no"}, {"Question": "How?", "caption": 3}]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = texts(path)
    assert found.columns == ("Question", "caption")
    assert found.texts == [
        (Source("vqa", 1, "Question"), "Why?"), (Source("vqa", 2, "Question"), "How?"),
        (Source("vqa", 1, "caption"), "A dog."),
    ]  # fmt: skip
    assert found.unusable == 1


def test_columns_may_be_named(tmp_path):
    path = tmp_path / "vqa.csv.gz"
    path.write_bytes(gzip.compress(b"question,answer\nWhy?,Because it rains.\nHow?,\n"))
    found = texts(path, columns=["answer"])
    assert found.texts == [(Source("vqa", 2, "answer"), "Because it rains.")]
    assert found.unusable == 1


def test_parquet_with_pictures_beside_the_text(tmp_path):
    path = tmp_path / "vqa.parquet"
    table = pa.table({"image": [{"bytes": b"\xff", "path": "1.png"}], "question": ["What is it?"]})
    pq.write_table(table, path)
    assert texts(path).texts == [(Source("vqa", 1, "question"), "What is it?")]


def test_a_text_file_gives_its_lines(tmp_path):
    path = tmp_path / "captions.txt"
    path.write_text("A dog.\n\nA cat.\n")
    assert [source.row for source, _ in texts(path).texts] == [1, 3]


def refused(path, *says, **more):
    with pytest.raises(BenchmarkError) as error:
        texts(path, **more)
    assert str(path) in error.value.what
    assert "'vqa'" in error.value.what
    for part in says:
        assert part in str(error.value)


def test_a_missing_file(tmp_path):
    refused(tmp_path / "gone.jsonl", "there is no file", "drop the benchmark")


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.csv"
    path.touch()
    refused(path, "is empty")


def test_a_file_of_blank_rows(tmp_path):
    path = tmp_path / "blank.csv"
    path.write_text("question,answer\n ,yes\n ,no\n")
    refused(path, "has no text in 'question'", "none of its 2 rows")


def test_a_column_that_is_not_there(tmp_path):
    path = tmp_path / "vqa.csv"
    path.write_text("question,answer\nWhy?,no\n")
    refused(path, "has no column 'prompt'", "'question', 'answer'", columns=["prompt"])


def test_no_usual_column(tmp_path):
    path = tmp_path / "vqa.csv"
    path.write_text("q,a\nWhy?,no\n")
    refused(path, "no column with a usual name", "'q', 'a'", 'columns = ["COLUMN"]')


def test_a_damaged_file(tmp_path):
    path = tmp_path / "vqa.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    refused(path, "cannot be read as Parquet")


def test_an_ending_that_says_nothing(tmp_path):
    path = tmp_path / "vqa.bin"
    path.write_bytes(b"x")
    refused(path, "cannot be told from its name")
