"""Every format gives the same rows; wrong rows are rejected, wrong files refused."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import SeedError
from unicorn_assets.synthesis.seeds.readers import columns, format_of, rows
from unicorn_assets.synthesis.seeds.rows import EXCERPT, Row, SetAside
from unicorn_assets_tests.synthesis.seeds.writing import TABLES, source, write_table, write_text

SAMPLE = [
    {"image_id": 7, "caption": 'A dog, "Rex", runs', "topic": "pets"},
    {"image_id": 8, "caption": "Zwei Käfer; ein 🐕", "topic": "pets"},
]


def read(path, **keys):
    return list(rows(source(path, **keys)))


def aside(found):
    return [(row.row, row.reason) for row in found if isinstance(row, SetAside)]


@pytest.mark.parametrize(
    "name", [f"a.{kind}{pack}" for kind in TABLES[:3] for pack in ("", ".gz", ".zst")] + ["a.parquet"]
)
def test_every_format_gives_the_same_rows(tmp_path, name):
    path = write_table(tmp_path, name, SAMPLE)
    found = [(row.text, row.image_id, row.topic) for row in read(path)]
    assert found == [('A dog, "Rex", runs', "7", "pets"), ("Zwei Käfer; ein 🐕", "8", "pets")]
    assert str(columns(source(path))) == "caption from `caption`, image id from `image_id`, topic from `topic`"


def test_text_has_a_caption_a_line(tmp_path):
    path = write_text(tmp_path, "a.txt", "\ufeffA dog runs\r\n\nA cat")
    assert read(path) == [Row(1, "A dog runs"), Row(2, ""), Row(3, "A cat")]
    assert str(columns(source(path))) == "caption from `line`"


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "caption": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1),
                "image_id": st.integers(-(2**62), 2**62) | st.text("abcXYZ019/.", min_size=1),
            }
        ).map(lambda row: row | {"image_id": str(row["image_id"])}),
        min_size=1,
        max_size=8,
    )
)
def test_round_trip_through_every_table_format(tmp_path, table):
    expected = [(row["caption"], row["image_id"]) for row in table]
    for kind in TABLES:
        found = read(write_table(tmp_path, f"a.{kind}", table))
        assert [(row.text, row.image_id) for row in found] == expected


def test_the_ending_tells_the_format_and_is_overruled(tmp_path):
    assert format_of(source(tmp_path / "my.captions.v2.NDJSON.gz")) == "jsonl"
    assert format_of(source(tmp_path / "labels.toml")) == "labels"
    assert format_of(source(tmp_path / "a.csv", format="text")) == "text"
    with pytest.raises(SeedError, match=r"cannot be told from its name") as error:
        format_of(source(tmp_path / "seeds.gz"))
    assert "set format" in error.value.cure


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["TEXT", "URL"], "caption from `TEXT`, image id from `URL`"),
        (["Caption", "text", "Image ID"], "caption from `Caption`, image id from `Image ID`"),
        (["file_name", "raw_caption", "id"], "caption from `raw_caption`, image id from `file_name`"),
        (["sentence"], "caption from `sentence`"),
    ],
)
@pytest.mark.parametrize("kind", TABLES)
def test_usual_names_in_any_case(tmp_path, kind, names, taken):
    path = write_table(tmp_path, f"a.{kind}", [{name: "a dog runs" for name in names}])
    assert str(columns(source(path))) == taken


@pytest.mark.parametrize("kind", TABLES)
def test_given_columns_win(tmp_path, kind):
    path = write_table(tmp_path, f"a.{kind}", [{"caption": "no", "image_id": "1", "alt": "yes", "key": "2"}])
    assert read(path, caption="alt", image_id="key")[0] == Row(1 if kind in ("jsonl", "parquet") else 2, "yes", "2")


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("keys", [{"caption": "words"}, {"image_id": "words", "caption": "b"}, {}])
def test_missing_column_names_those_that_there_are(tmp_path, kind, keys):
    path = write_table(tmp_path, f"a.{kind}", [{"a": "a dog", "b": "a cat"}])
    with pytest.raises(SeedError, match=rf"a\.{kind} has no column .*its columns are 'a', 'b'\.") as error:
        columns(source(path, **keys))
    assert "set " in error.value.cure


@pytest.mark.parametrize("keys", [{"caption": "text"}, {"image_id": "id"}])
def test_text_has_no_columns_to_name(tmp_path, keys):
    with pytest.raises(SeedError, match="has no columns: its format is text"):
        read(write_text(tmp_path, "a.txt", "a dog"), **keys)


@pytest.mark.parametrize("line", [b"caf\xe9 tables", b"a \x00 dog", b"y" * (1 << 20) + b"z", b"z" * (10 << 20)])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "txt"])
def test_a_wrong_line_is_a_rejected_row(tmp_path, line, kind):
    head, good = {"jsonl": (b"", b'{"caption": "a dog"}'), "txt": (b"", b"a dog")}.get(kind, (b"caption\n", b"a dog"))
    wrong = b'{"caption": "' + line + b'"}' if kind == "jsonl" else line
    found = read(write_text(tmp_path, f"a.{kind}", head + b"\n".join([good, wrong, good]) + b"\n"))
    reason = "bad_encoding" if b"\xe9" in line else "nul_byte" if b"\0" in line else "row_too_large"
    first = 2 if head else 1
    assert aside(found) == [(first + 1, reason)]
    assert [row.row for row in found] == [first, first + 1, first + 2]
    assert found[1].outcome == "rejected"
    assert len(found[1].text) <= EXCERPT
    assert found[1].text.encode()
    assert found[1].detail


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"caption": "a dog"', "invalid_json"),
        ("a dog", "invalid_json"),
        ('{"caption": "a \n', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ('{"caption": ' + "9" * 5000 + "}", "invalid_json"),
        ('["a dog"]', "not_an_object"),
        ('"a dog"', "not_an_object"),
        ("null", "not_an_object"),
        ('{"text": "a dog"}', "no_caption"),
        ('{"caption": null}', "no_caption"),
        ('{"caption": 7}', "not_text"),
        ('{"caption": ["a dog", "a cat"]}', "not_text"),
        ('{"caption": "a dog", "image_id": [7]}', "bad_image_id"),
        ('{"caption": "a dog", "image_id": true}', "bad_image_id"),
        ('{"caption": "a dog", "image_id": 7.5}', "bad_image_id"),
        ('{"caption": "a dog", "image_id": "\\ud800"}', "bad_image_id"),
        ('{"caption": "a dog", "image_id": "a\\u0000"}', "bad_image_id"),
        ('{"caption": "a dog", "topic": {}}', "bad_topic"),
    ],
)
def test_wrong_json_is_a_rejected_row(tmp_path, line, reason):
    good = '{"caption": "a cat", "image_id": 1, "topic": "x"}\n'
    found = read(write_text(tmp_path, "a.jsonl", good + line.rstrip() + "\n" + good))
    assert aside(found) == [(2, reason)]
    assert [row.row for row in found] == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "image"), [("7", "7"), ("7.0", "7"), ('" 7 "', "7"), ("null", None), ("NaN", None), ('" "', None)]
)
def test_image_ids_of_any_type(tmp_path, value, image):
    path = write_text(tmp_path, "a.jsonl", f'{{"caption": "a dog", "image_id": {value}}}')
    assert read(path) == [Row(1, "a dog", image)]


def test_blank_lines_are_no_records(tmp_path):
    path = write_text(tmp_path, "a.jsonl", '\n{"caption": "a dog"}\n \n\n{"caption": "a cat"}\n\n')
    assert [row.row for row in read(path)] == [2, 5]


def test_keys_may_begin_late_and_be_absent(tmp_path):
    path = write_text(
        tmp_path, "a.jsonl", '{"id": 1}\nnonsense\n{"caption": "a dog"}\n{"caption": "a", "image_id": 3}\n'
    )
    found = read(path)
    assert aside(found) == [(1, "no_caption"), (2, "invalid_json")]
    assert found[2:] == [Row(3, "a dog"), Row(4, "a", "3")]


def test_a_file_of_wrong_rows_only_rejects_each(tmp_path):
    path = write_text(tmp_path, "a.jsonl", "one\ntwo\n")
    assert aside(read(path)) == [(1, "invalid_json"), (2, "invalid_json")]


@pytest.mark.parametrize("text", [json.dumps(SAMPLE), json.dumps(SAMPLE, indent=1), json.dumps(SAMPLE * 20_000)])
def test_one_json_array_names_the_cure(tmp_path, text):
    with pytest.raises(SeedError, match="one JSON array") as error:
        read(write_text(tmp_path, "a.json", text))
    assert "jq" in error.value.cure


@pytest.mark.parametrize(
    ("kind", "text"), [("jsonl", "\n\n"), ("csv", "caption\n"), ("csv", "\n"), ("tsv", "caption\n\n")]
)
def test_a_file_without_rows_is_empty(tmp_path, kind, text):
    with pytest.raises(SeedError, match="is empty"):
        read(write_text(tmp_path, f"a.{kind}", text))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "txt", "parquet", "toml"])
def test_a_file_that_is_not_there_or_has_nothing(tmp_path, kind):
    with pytest.raises(SeedError, match="There is no seed file"):
        read(tmp_path / f"a.{kind}")
    with pytest.raises(SeedError, match="is empty"):
        read(write_text(tmp_path, f"a.{kind}", b""))
    (tmp_path / f"b.{kind}").mkdir()
    with pytest.raises(SeedError, match="is a directory"):
        read(tmp_path / f"b.{kind}")
