"""`round_trip` and `blind_answers`: what is asked, of whom, what it tells, and what becomes of it on the way."""

import json
import shutil

import pytest

from unicorn_assets.cli.gc import gc
from unicorn_assets.cli.status import status
from unicorn_assets.cli.trace import trace
from unicorn_assets.curation.comparison import compare
from unicorn_assets.curation.probes import FORMS
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_names
from unicorn_assets.lake.lineage import SEEDS
from unicorn_assets.stages import withdrawal
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.freshness import states
from unicorn_assets.stages.graph import GRAPH, graph, with_shards
from unicorn_assets.stages.probes import EVERY_PROBE, corpus_figures, probes
from unicorn_assets.stages.probing import corpus_probes
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize, run, small_recipe
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.stages.probed import EVERY, JUDGED, STAGES, probe, probing, right_answers, rows_of, unprobed
from unicorn_assets_tests.stages.resharded import move, stored

OTHER = {"kind": "openai", "model": "another"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A HOME with a dialog for every caption, half of them probed by the `rules` engine."""
    home = Home(tmp_path_factory.mktemp("made") / "home")
    materialize(home, probing())
    return home


@pytest.fixture
def home(made, tmp_path):
    """A copy of one's own."""
    shutil.copytree(made.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


def sidecars(home, stage, shards=3):
    return [home.lake.need(stage, shard) for shard in shard_names(shards)]


def checks(outcomes, name):
    return [check for one in outcomes for check in one.sidecar.checks if check.name == name]


def test_a_recipe_has_them_where_it_asks_for_them():
    assert not set(EVERY) & set(graph(small_recipe()))
    assert graph(small_recipe()).keys() == GRAPH.keys()
    assert list(probes(probing())) == list(EVERY) == [stage.name for stage in EVERY_PROBE]
    assert list(probes(probing(blind_answers=False, judge=False))) == ["round_trip"]
    assert with_shards(probing())[-3:] == list(EVERY)


def test_nothing_else_is_made_anew_for_their_sake(made, tmp_path):
    plain = Home(tmp_path / "plain")
    materialize(plain, unprobed())
    for name, stage in GRAPH.items():
        for shard in stage.shards(probing()):
            one, other = made.lake.need(name, shard), plain.lake.need(name, shard)
            assert (one.fingerprint, one.files) == (other.fingerprint, other.files)
    assert not (plain.lake.root / "round_trip").exists()
    assert not (plain.path / "answers" / "round_trip").exists()


@pytest.mark.parametrize("stage", STAGES)
def test_a_row_is_a_turn_of_its_dialog_with_answer_and_verdict(made, stage):
    dialogs = {row["id"]: row for row in rows_of(made, "instruction_dialogs")}
    rows = rows_of(made, stage)
    assert rows
    for row in rows:
        turn = dialogs[row["id"]]["turns"][row["turn"]]
        assert (row["question"], row["options"], row["expected"]) == (
            turn["question"],
            turn["options"],
            turn["answer"],
        )
        assert row["task"] == dialogs[row["id"]]["task"] != "complex_reasoning"
        assert row["verdict"] == compare(row["question"], row["expected"], row["options"], row["answered"], 0.5)
        assert row["form"] in (("choice", "yes_no", "open") if stage == "round_trip" else ("choice", "yes_no"))
    for one in sidecars(made, stage):
        assert one.rows_in == made.lake.need("instruction_dialogs", one.shard).rows_out
        assert one.rows_in == one.rows_out + sum(one.not_selected.values())
        assert not one.rejected
        assert not one.blocked_by
        assert one.metrics["requests"] == one.rows_out
        assert sum(one.metrics[form]["asked"] for form in FORMS if form in one.metrics) == one.rows_out


def test_figures_are_those_of_the_rows_and_the_whole_that_of_the_shards(made):
    rows = [row for row in rows_of(made, "round_trip") if row["form"] == "choice"]
    told = corpus_probes(probing(), made.lake, shard_names(3))
    assert told["round_trip_choice"]["asked"] == len(rows)
    assert told["round_trip_choice"]["agrees"] == sum(row["verdict"] == "agrees" for row in rows)
    release = made.lake.need("release", "all").metrics
    assert {name: release[name] for name in told} == told
    assert corpus_figures(probing(), made.lake, shard_names(3)) == {**told, JUDGED: release[JUDGED]}
    assert set(told) >= {"round_trip_choice", "round_trip_open", "blind_answers_choice"}
    assert corpus_figures(small_recipe(), made.lake, shard_names(3)) == {}


def test_a_smaller_share_is_a_part_of_a_larger_one(made, home):
    probe(home, probing(share=0.2))
    for stage in STAGES:
        less, more = rows_of(home, stage), {row["id"]: row for row in rows_of(made, stage)}
        assert 0 < len(less) < len(more)
        assert all(row | {"fingerprint": ""} == more[row["id"]] | {"fingerprint": ""} for row in less)
    assert all(one.metrics["requests"] == 0 for one in sidecars(home, "round_trip"))


def test_a_model_that_knows_the_answers_unseen_is_found_out(made, home):
    right = right_answers(made)

    def knows(request):
        return right[request.id, request.source["question"]]

    outcomes, engines = probe(home, probing(engine=OTHER, share=1.0), knows)
    assert not all(check.passed for check in checks(outcomes["blind_answers"], "not_guessable"))
    failed = next(check for check in checks(outcomes["blind_answers"], "not_guessable") if not check.passed)
    assert failed.severity == "WARN"
    assert not failed.blocking
    assert failed.figures["choice_above_chance_at_least"] > 0.1
    assert all(check.passed for check in checks(outcomes["round_trip"], "consistent"))
    whole = corpus_probes(probing(), home.lake, shard_names(3))
    assert all(told["share"] == 1.0 for told in whole.values())
    [engine] = engines
    assert engine.model.name == "another"
    blind = [request for request in engine.asked if request.task == "blind_answers"]
    captions = {row["id"]: row["caption"] for row in rows_of(made, "curated_captions")}
    assert not any(captions[one.id] in message.content for one in blind for message in one.messages)
    seen = [request for request in engine.asked if request.task == "round_trip"]
    assert all(captions[one.id] in one.messages[-1].content for one in seen)


def test_a_model_that_contradicts_the_dialogs_is_told(made, home):
    right = right_answers(made)

    def other(request):
        answer = right[request.id, request.source["question"]]
        return "ABCD"["ABCD".index(answer) - 1] if request.source["options"] else "Something else entirely."

    outcomes, _ = probe(home, probing(engine=OTHER, share=1.0), other)
    assert not any(check.passed for check in checks(outcomes["round_trip"], "consistent"))
    assert all(check.passed for check in checks(outcomes["blind_answers"], "not_guessable"))
    assert all(check.passed for check in checks(outcomes["round_trip"], "answers_readable"))
    assert {row["verdict"] for row in rows_of(home, "round_trip")} == {"differs"}


@pytest.mark.parametrize("answer", [None, "", "I am sorry, there is no photograph."])
def test_a_model_that_refuses_says_nothing_of_the_dialogs(home, answer):
    outcomes, _ = probe(home, probing(engine=OTHER, share=1.0), lambda request: answer)
    assert not any(check.passed for check in checks(outcomes["blind_answers"], "answers_readable"))
    assert all(check.passed for check in checks(outcomes["blind_answers"], "not_guessable"))
    assert {row["verdict"] for row in rows_of(home, "blind_answers")} == {"unreadable"}


def test_a_writer_that_marks_its_own_work_is_told(made, home):
    for stage in STAGES:
        for one in sidecars(made, stage):
            (check,) = [check for check in one.checks if check.name == "another_model_answers"]
            assert (check.passed, check.severity, check.blocking) == (False, "WARN", False)
            assert check.figures == {"writer": "rules", "answers": "rules"}
    outcomes, _ = probe(home, probing(engine=OTHER), lambda request: "A")
    assert all(check.passed for stage in STAGES for check in checks(outcomes[stage], "another_model_answers"))


def conditions(home, recipe):
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    return {(one.stage, one.shard): one.condition for one in states(tools, upstream(recipe))}


@pytest.mark.parametrize(
    ("section", "stale"),
    [
        ({"min_grade": 5.0, "min_consistent": 0.1, "max_above_chance": 0.9, "max_unreadable": 0.9}, ()),
        ({"min_overlap": 0.9}, ("round_trip",)),
        ({"share": 0.9}, EVERY),
        ({"engine": OTHER}, EVERY),
        ({"sampling": {"temperature": 0.5}}, EVERY),
    ],
)
def test_only_what_decides_rows_makes_them_stale(made, section, stale):
    found = conditions(made, probing(**section))
    assert {stage for (stage, _), condition in found.items() if condition == "stale"} == set(stale)


@pytest.mark.parametrize("pruned", [False, True])
def test_another_number_of_shards_moves_them_and_asks_nothing(home, tmp_path, pruned):
    start = Home(tmp_path / "start")
    materialize(start, probing(shards=2))
    if pruned:
        shutil.rmtree(home.path / "answers")
    move(home, 2)
    expected = stored(start)
    assert stored(home) == {name: data for name, data in expected.items() if name.startswith("lake") or not pruned}
    assert set(conditions(home, home.recipe()).values()) == {"fresh"}
    for stage in EVERY:
        for mine, other in zip(sidecars(home, stage, 2), sidecars(start, stage, 2), strict=True):
            assert mine.fingerprint == other.fingerprint
            told = (*FORMS, "grades")
            assert [mine.metrics.get(name) for name in told] == [other.metrics.get(name) for name in told]
            assert mine.checks == other.checks


def test_a_sample_is_traced_through_them_and_withdrawn_with_them(made, capsys):
    row = rows_of(made, "round_trip")[0]
    capsys.readouterr()
    trace(made, row["id"], as_json=False)
    told = capsys.readouterr().out
    assert "round_trip" in told
    assert row["question"] in told
    reach = withdrawal.reach(made, probing(), "seed", row["id"])
    assert {"round_trip", "blind_answers"} <= reach.partitions.keys()
    assert reach.partitions["round_trip"] == reach.shards
    assert [one.kept for one in reach.rows if one.stage == "round_trip"] == [[row["id"]]]
    assert reach.answers["round_trip"] == 1
    assert next(iter(reach.partitions)) == SEEDS


def test_answers_of_probes_are_named_where_the_recipe_no_longer_has_them(made):
    row = rows_of(made, "round_trip")[0]
    reach = withdrawal.reach(made, unprobed(), "seed", row["id"])
    assert reach.answers["round_trip"] == 1
    assert "round_trip" not in reach.partitions


def test_the_catalog_has_a_view_of_each(made):
    query = """SELECT count(*), count(DISTINCT round_trip.shard) FROM round_trip JOIN lineage USING (id)
        WHERE verdict IN ('agrees', 'differs') AND in_instruction"""
    with made.catalog.snapshot() as connection:
        assert connection.execute(query).fetchone() == (len(rows_of(made, "round_trip")), 3)
        asked = connection.execute("SELECT DISTINCT task, prompt_version FROM prompts WHERE stage IN ?", [EVERY])
        assert sorted(asked.fetchall()) == [(stage, f"{stage}-1") for stage in sorted(EVERY)]


def test_gc_leaves_them_until_the_recipe_drops_them(home, capsys):
    gc(home, apply=False)
    assert "round_trip" not in capsys.readouterr().out
    home.adopt(unprobed(), change=True)
    gc(home, apply=True)
    assert not (home.lake.root / "round_trip" / "shard-0000.parquet").exists()
    assert (home.path / "answers" / "round_trip" / "shard-0000.parquet").exists(), "what was bought stays"


def test_a_run_of_the_command_makes_them_and_status_shows_them(tmp_path, capsys):
    home = Home(tmp_path / "home")
    assert run(home, probing(shards=2)) == 0
    for stage in STAGES:
        assert all(one.rows_out for one in sidecars(home, stage, 2))
    capsys.readouterr()
    status(home, as_json=False, every_shard=True)
    assert "instruction_dataset, round_trip, blind_answers, judged_captions" in capsys.readouterr().out
    status(home, as_json=True)
    told = [one for one in json.loads(capsys.readouterr().out) if one["stage"] in EVERY]
    assert [one["condition"] for one in told] == ["fresh"] * 6
    assert all(one["failed_checks"] == ["another_model_answers"] for one in told)
