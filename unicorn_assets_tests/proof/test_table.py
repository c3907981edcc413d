"""Means, spreads, shares of the way, and what is written down."""

import re

import pytest

from unicorn_assets.proof.experiment import Plan
from unicorn_assets.proof.report import PLOT, TABLE, write
from unicorn_assets.proof.table import Scores, findings, table


def result(row, seed, places, exact=0.5, reader=0, described=None):
    score = {"places": places, "occupied": places, "exact": exact}
    made_by = {"version": 1, "torch": "2", "numpy": "2"}
    return {
        "row": row, "seed": seed, "reader": reader, "score": score, "described": described, "seconds": 2.0,
        "made_by": made_by,
    }  # fmt: skip


RESULTS = [
    result("none", 0, 0.5, 0.2),
    result("none", 1, 0.6, 0.2),
    result("images", 0, 0.9, 0.8),
    result("images", 1, 1.0, 0.8),
    result("realign", 0, 0.6, 0.3),
    result("realign", 1, 0.9, 0.5),
    result("matched", 0, 0.7, 0.5),
    result("matched", 0, 0.9, 0.7, reader=1),
    result("matched", 1, 0.8, 0.5),
    result("matched_other", 0, 0.7, 0.4),
    result("matched_other", 1, 0.7, 0.4),
]


def test_readers_are_averaged_within_a_world_and_worlds_between():
    found = Scores(RESULTS).of("matched", "places")
    assert found is not None
    assert dict(found.values) == {0: pytest.approx(0.8), 1: 0.8}
    assert (found.mean, found.spread) == (pytest.approx(0.8), pytest.approx(0.0))
    assert Scores(RESULTS).of("c3", "places") is None


def test_the_way_is_taken_in_each_world():
    found = Scores(RESULTS).share("realign", "places")
    assert found is not None
    assert dict(found.values) == {0: pytest.approx(0.25), 1: pytest.approx(0.75)}
    assert str(found) == "0.500 ± 0.354"


def test_a_far_row_is_measured_from_the_far_floor():
    results = [*RESULTS, result("far_none", 0, 0.1), result("far_matched", 0, 0.5)]
    found = Scores(results).share("far_matched", "places")
    assert found is not None
    assert found.mean == pytest.approx(0.5)


def test_findings_tell_where_ours_is_behind():
    said = "\n".join(findings(Scores(RESULTS)))
    assert "`matched` is ahead of `realign` in 1 of 2 worlds in places, in 1 of 2 in exact scenes." in said
    assert re.search(r"With a reference of another mix, `matched` goes 3[78]%, 60% of that\.", said)


def test_the_table_has_a_line_a_row_and_leaves_out_what_is_not_there():
    text = table(Scores(RESULTS))
    assert "| `realign` (ReAlign) | 2 | 0.750 ± 0.212 |" in text
    assert "blind" not in text
    assert "far gap" not in text


def test_no_way_is_shown_of_rows_that_are_on_none():
    text = table(Scores([*RESULTS, result("blind", 0, 0.1), result("instruction_25", 0, 0.6)]))
    for title in ("blind: no image", "25% of the instruction data"):
        [line] = [line for line in text.splitlines() if line.startswith(f"| {title} |")]
        assert line.endswith("|  |  |")


def test_a_description_has_a_line_of_its_own():
    told = {"places": 0.4, "occupied": 0.3, "exact": 0.1}
    text = table(Scores([*RESULTS, result("instruction_0", 0, 0.0, described=told)]))
    assert "| no instruction data, by its description | 1 | 0.400 | 0.300 | 0.100 |" in text


def test_table_and_plot_are_written(tmp_path):
    gap = {"centroid_distance": 0.5, "paired_cosine": 0.75, "shift_share": 0.8, "shift_share_far": 0.1}
    text = write(Plan(tmp_path, "tiny", 2, 2, 1), RESULTS, [gap, gap | {"shift_share": 0.9}], tmp_path)
    assert "a shift explains 0.85 of its energy, 0.10 of the far gap's" in text
    assert (tmp_path / TABLE).read_text() == text
    assert "unicorn proof --size tiny --seeds 2 --readers 2" in text
    assert (tmp_path / PLOT).read_bytes().startswith(b"\x89PNG")
