"""Plain values as metadata that reads well."""

import dagster as dg
import pytest

from unicorn_assets.curation.histogram import Bin, histogram
from unicorn_assets.defs import values


def test_groups_become_flat_and_groups_of_groups_tables():
    shown = values.flat(
        {
            "requests": 7,
            "gap": {"rows": 3, "cosine": 0.12345678},
            "sources": {"a": {"rows": 2, "left": {"short": 1}}, "b": {"rows": 5, "left": {}}},
            "first": ["x", "y"],
            "none": [],
            "odd": [{"a": 1}],
            "not_finite": float("nan"),
        }
    )
    assert shown["requests"] == 7
    assert (shown["gap/rows"], shown["gap/cosine"]) == (3, 0.123457)
    assert [record.data for record in shown["sources"].records] == [
        {"name": "a", "rows": 2, "left": "short: 1"},
        {"name": "b", "rows": 5, "left": ""},
    ]
    assert (shown["first"], shown["none"]) == ("x, y", "none")
    assert shown["odd"] == dg.MetadataValue.json([{"a": 1}])
    assert shown["not_finite"] == "nan"


def test_a_table_leaves_out_what_is_empty_in_all_rows():
    found = values.table([{"a": 1, "b": None, "c": "x"}, {"a": 2, "b": "", "c": None}])
    assert [column.name for column in found.schema.columns] == ["a", "c"]
    assert [column.type for column in found.schema.columns] == ["int", "string"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, True),
        (0.123456, 0.1235),
        (None, ""),
        ("two\n lines", "two lines"),
        ("x" * 200, "x" * 160 + " …"),
        ([{"question": "What?", "answer": "A dog.", "options": []}], "Q: What? A: A dog."),
        ([{"from": "human", "value": "<image>\nHi"}, {"from": "gpt", "value": "Ho"}], "human: <image> Hi / gpt: Ho"),
    ],
)
def test_cells(value, shown):
    assert values.cell(value) == shown


def test_short_rows_are_a_table_and_long_ones_text_in_its_place():
    assert isinstance(values.sample([{"id": "a", "n": 1}]), dg.TableMetadataValue)
    rows = [{"id": f"row-{number}", "caption": "A *big* <image> dog. " * 20, "words": 80} for number in range(9)]
    found = values.sample(rows)
    assert isinstance(found, dg.MarkdownMetadataValue)
    assert len(found.md_str) < values.INLINE_CHARACTERS
    assert "row-0" in found.md_str
    assert "row-2" in found.md_str
    assert r"A \*big\* \<image\> dog" in found.md_str
    assert "words `80`" in found.md_str


def test_bars():
    found = values.bars("words a caption", 41, [Bin(90, 99, 40), Bin(100, 109, 0), Bin(110, 119, 1)])
    full = "█" * 20
    assert found.md_str.splitlines() == [
        "words a caption, 41 rows",
        "```",
        f"  90-99 {full} 40",
        "100-109  0",
        "110-119 ▏ 1",
        "```",
    ]


def test_the_longest_histogram_is_shown_in_its_place():
    found = values.bars("tokens", 10**6, histogram([10**6 * n for n in range(12)]))
    assert len(found.md_str) < values.INLINE_CHARACTERS
