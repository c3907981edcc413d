"""The view `answer_costs` on rows made for it: each answer once, at its shard's price, where its row ended."""

import json

import duckdb
import pytest

from unicorn_assets.lake import cost_views

PRICES = {"currency": "EUR", "prompt_million": 1e6, "completion_million": 1e7, "device_hour": 3600.0}
WASTED = {"expansion/empty": {"rows": 2, "prompt_tokens": 10, "completion_tokens": 0}}
THERE = {"expanded_captions", "instruction_dialogs", "selection"}


@pytest.fixture
def catalog():
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE materializations (stage VARCHAR, shard VARCHAR, fields JSON, metrics JSON);"
            "CREATE TABLE rejections (stage VARCHAR, shard VARCHAR, id VARCHAR, reason VARCHAR);"
            "CREATE TABLE expanded_captions (id VARCHAR, shard VARCHAR, prompt_tokens INT, completion_tokens INT);"
            "CREATE TABLE instruction_dialogs "
            "(id VARCHAR, shard VARCHAR, task VARCHAR, prompt_tokens INT, completion_tokens INT);"
            'CREATE TABLE selection ("table" VARCHAR, id VARCHAR, reason VARCHAR);'
            "INSERT INTO expanded_captions VALUES ('a', 's', 1, 2), ('b', 's', 1, 2), ('c', 's', 1, 2);"
            "INSERT INTO instruction_dialogs VALUES ('a', 's', 'multiple_choice', 3, 4), ('b', 's', 'other', 3, 4);"
            "INSERT INTO rejections VALUES ('curated_captions', 's', 'c', 'short'), "
            "('modality_alignment', 'all', 'a', 'not fit'), ('expanded_captions', 's', 'd', 'empty');"
            "INSERT INTO selection VALUES ('instruction', 'b', 'contaminated'), ('pretrain', 'c', 'over_share');"
        )
        device = {"requests": 5, "device_seconds": 5.0, "prices": PRICES}
        for stage, fields, metrics in (
            ("expanded_captions", {"prompt": "e1"}, device | {"spent_on_rejects": WASTED}),
            ("instruction_dialogs", {"prompts": {"multiple_choice": "m1", "other": "o2"}}, {"prices": PRICES}),
        ):
            values = [stage, "s", json.dumps(fields), json.dumps(metrics)]
            connection.execute("INSERT INTO materializations VALUES (?, ?, ?, ?)", values)
        yield connection


def found(connection):
    query = "SELECT asked_by, fell_at, reason, prompt_version, answers, money FROM answer_costs"
    return {tuple(row[:4]): tuple(row[4:]) for row in connection.execute(query).fetchall()}


def test_each_answer_stands_once_where_its_row_ended_at_its_price(catalog):
    cost_views.create(catalog, THERE, anew=True)
    assert found(catalog) == {
        ("expanded_captions", None, None, "e1"): (2, pytest.approx(2 * (1 + 20 + 1))),
        ("expanded_captions", "curated_captions", "short", "e1"): (1, pytest.approx(22)),
        ("expanded_captions", "expanded_captions", "empty", "e1"): (2, pytest.approx(12)),
        ("instruction_dialogs", None, None, "m1"): (1, pytest.approx(43)),
        ("instruction_dialogs", "selection", "contaminated", "o2"): (1, pytest.approx(43)),
    }


def test_without_a_selection_all_candidates_are_kept(catalog):
    cost_views.create(catalog, THERE - {"selection"}, anew=True)
    assert not any(fell_at == "selection" for _, fell_at, *_ in found(catalog))


def test_probes_are_a_cost_of_their_dialogs(catalog):
    catalog.execute(
        "CREATE TABLE round_trip (id VARCHAR, shard VARCHAR, prompt_tokens INT, completion_tokens INT);"
        "INSERT INTO round_trip VALUES ('a', 's', 5, 1), ('b', 's', 5, 1);"
    )
    fields, metrics = json.dumps({"prompts": {"round_trip": "r1"}}), json.dumps({"prices": PRICES})
    catalog.execute("INSERT INTO materializations VALUES ('round_trip', 's', ?, ?)", [fields, metrics])
    before = _found_with(catalog, THERE)
    probed = _found_with(catalog, THERE | {"round_trip"})
    assert {key: value for key, value in probed.items() if key not in before} == {
        ("round_trip", None, None, "r1"): (1, pytest.approx(15)),
        ("round_trip", "selection", "contaminated", "r1"): (1, pytest.approx(15)),
    }
    assert {key: value for key, value in probed.items() if key in before} == before


def test_grades_are_a_cost_of_their_captions(catalog):
    catalog.execute(
        "CREATE TABLE judged_captions (id VARCHAR, shard VARCHAR, prompt_tokens INT, completion_tokens INT);"
        "INSERT INTO judged_captions VALUES ('b', 's', 5, 1), ('c', 's', 5, 1);"
    )
    fields, metrics = json.dumps({"prompts": {"judged_captions": "j1"}}), json.dumps({"prices": PRICES})
    catalog.execute("INSERT INTO materializations VALUES ('judged_captions', 's', ?, ?)", [fields, metrics])
    graded = {key: value for key, value in _found_with(catalog, THERE | {"judged_captions"}).items() if "j1" in key}
    assert graded == {
        ("judged_captions", None, None, "j1"): (1, pytest.approx(15)),
        ("judged_captions", "curated_captions", "short", "j1"): (1, pytest.approx(15)),
    }


def _found_with(catalog, there):
    cost_views.create(catalog, there, anew=True)
    return found(catalog)


def test_the_view_goes_with_what_it_stands_on(catalog):
    cost_views.create(catalog, THERE, anew=True)
    cost_views.create(catalog, set(), anew=True)
    with pytest.raises(duckdb.CatalogException):
        found(catalog)
