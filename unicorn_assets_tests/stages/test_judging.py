"""`judged_captions`: grades of a sample beside the quality of the rules, and what the check makes of them."""

import json
import shutil

import pytest

from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.stages.judging import GRADES, corpus_grades
from unicorn_assets.synthesis.grading import CRITERIA
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.stages.probed import JUDGED, probe, probing, rows_of
from unicorn_assets_tests.stages.test_probing import OTHER, checks


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A HOME whose captions are all graded by the `rules` engine."""
    home = Home(tmp_path_factory.mktemp("made") / "home")
    materialize(home, probing(share=1.0, round_trip=False, blind_answers=False))
    return home


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def graded(**section):
    return probing(**{"engine": OTHER, "share": 1.0} | section)


def test_every_drawn_caption_has_its_grades_beside_its_quality(made):
    captions = {row["id"]: row for row in rows_of(made, "curated_captions")}
    rows = rows_of(made, JUDGED)
    assert {row["id"] for row in rows} == captions.keys()
    for row in rows:
        assert all(1 <= row[name] <= 5 for name in CRITERIA)
        assert row["grade"] == sum(row[name] for name in CRITERIA) / 4
        assert row["quality"] == captions[row["id"]]["quality"]
    for shard in shard_names(3):
        one = made.lake.need(JUDGED, shard)
        assert one.rows_in == one.rows_out == made.lake.need("curated_captions", shard).rows_out
        told = one.metrics[GRADES]
        assert (told["asked"], told["unreadable"]) == (one.rows_out, 0)
        assert 3 < told["grade"] <= 5
        assert -1 <= told["rank_correlation"] <= 1
        assert {check.name for check in one.checks if not check.passed} == {"another_model_answers"}
    whole = corpus_grades(probing(), made.lake, shard_names(3))[JUDGED]
    assert whole["asked"] == len(rows)
    assert whole["grade"] == pytest.approx(sum(row["grade"] for row in rows) / len(rows), abs=1e-3)
    assert made.lake.need("release", "all").metrics[JUDGED] == whole


def test_low_grades_warn_and_stop_nothing(home):
    outcomes, engines = probe(home, graded(), lambda request: json.dumps(dict.fromkeys(CRITERIA, 2)), (JUDGED,))
    for check in checks(outcomes[JUDGED], "grades_high"):
        assert (check.passed, check.severity, check.blocking) == (False, "WARN", False)
        assert (check.figures["grade"], check.figures["min_grade"]) == (2.0, 3.0)
    assert all(check.passed for check in checks(outcomes[JUDGED], "another_model_answers"))
    assert all("rank_correlation" not in one.sidecar.metrics[GRADES] for one in outcomes[JUDGED]), "all the same grade"
    [engine] = engines
    seeds = {row["id"]: (row["seed"], row["caption"]) for row in rows_of(home, "curated_captions")}
    for request in engine.asked:
        seed, caption = seeds[request.id]
        assert request.messages[-1].content.endswith(f"\nSHORT CAPTION\n{seed}\n\nCAPTION\n{caption}")
    lower = probe(home, graded(min_grade=1.5, share=0.9), lambda request: "{}", (JUDGED,))[0]
    assert all(check.passed for check in checks(lower[JUDGED], "grades_high")), "nothing could be read"


def test_what_cannot_be_read_has_no_grade_and_is_counted(home):
    def sometimes(request):
        return None if request.id < "8" else json.dumps(dict.fromkeys(CRITERIA, 4))

    outcomes, _ = probe(home, graded(), sometimes, (JUDGED,))
    rows = rows_of(home, JUDGED)
    assert all((row["grade"] is None) == (row["id"] < "8") for row in rows)
    assert all((row["fluent"] is None) == (row["id"] < "8") for row in rows)
    told = [one.sidecar.metrics[GRADES] for one in outcomes[JUDGED]]
    assert sum(one["unreadable"] for one in told) == sum(row["id"] < "8" for row in rows) > 0
    assert all(one["grade"] == 4.0 for one in told)
    assert not all(check.passed for check in checks(outcomes[JUDGED], "answers_readable"))
    assert all(check.passed for check in checks(outcomes[JUDGED], "grades_high"))
