"""`unicorn costs` and its view: every answer's cost ends in one place, and nothing is lost between them."""

import json

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.cli import costs as command
from unicorn_assets.errors import LakeError
from unicorn_assets.stages.budget import standing
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.engines.dummy_faults import Fault
from unicorn_assets_tests.engines.dummy_server import DummyServer

PROMPT, COMPLETION = 2.0, 10.0


@pytest.fixture
def served(recipe, tmp_path):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"A brown dog with {n} spots stands beside a small boat.\n" for n in range(60)))
    made = recipes.adjusted(recipe, seeds=[seeds], shards=2, engine="openai", model="dummy")
    return made.model_copy(update={"curation": made.curation.model_copy(update={"min_words": 105})})


@pytest.fixture
def made(home, served):
    """A HOME with captions and dialogs that fell out for several reasons, at prices."""
    home.prepare()
    settings.update(home.path, "prices", prompt_million=PROMPT, completion_million=COMPLETION, currency="EUR")
    faults = (
        Fault("empty", containing=" 17 spots", times=None),
        Fault("wrong_schema", containing="beside", share=0.15, times=None),
    )
    with DummyServer(faults=faults) as server:
        settings.update(home.path, "endpoint", base_url=server.base_url)
        materialize(home, served)
    return home


def shown(home, capsys):
    capsys.readouterr()
    command.costs(home, as_json=True)
    return json.loads(capsys.readouterr().out)


def test_the_costs_of_all_places_where_rows_end_add_up_to_what_was_spent(made, capsys):
    found = shown(made, capsys)
    used = standing(made, settings.load(made.path)).spent
    for part in ("stages", "filters", "prompts"):
        assert sum(row["answers"] for row in found[part]) == used.answers
        assert sum(row["tokens"] for row in found[part]) == used.prompt_tokens + used.completion_tokens
        assert sum(row["money"] for row in found[part]) == pytest.approx(used.money)
    assert used.money == pytest.approx((used.prompt_tokens * PROMPT + used.completion_tokens * COMPLETION) / 1e6)


def test_each_filter_has_what_it_threw_away(made, capsys):
    found = shown(made, capsys)
    places = {(row["stage"], row["ended"], row["reason"]): row for row in found["filters"]}
    rejected = {
        (stage, reason): sum(made.lake.need(stage, shard).rejected.get(reason, 0) for shard in shards(made))
        for stage in ("expanded_captions", "curated_captions", "instruction_dialogs")
        for shard in shards(made)
        for reason in made.lake.need(stage, shard).rejected
    }
    assert {stage for stage, _ in rejected} == {"expanded_captions", "curated_captions", "instruction_dialogs"}
    for (stage, reason), count in rejected.items():
        asked_by = "instruction_dialogs" if stage == "instruction_dialogs" else "expanded_captions"
        row = places[asked_by, stage, reason]
        assert row["answers"] == count
        assert row["tokens"] > 0 or reason == "empty"
        whole = found["kept"]["dialogs" if asked_by == "instruction_dialogs" else "captions"]
        assert row["money_per_kept"] == pytest.approx(row["money"] / whole)
    assert found["kept"]["captions"] == sum(made.lake.need("curated_captions", one).rows_out for one in shards(made))
    assert found["kept"]["dialogs"] == sum(made.lake.need("instruction_dialogs", one).rows_out for one in shards(made))


def shards(home):
    return [path.stem for path in sorted((home.lake.root / "curated_captions").glob("*.json"))]


def test_prompts_are_told_apart_by_task_and_version(made, capsys):
    rows = shown(made, capsys)["prompts"]
    assert {row["task"] for row in rows} >= {"expansion", "question_answering"}
    assert all(row["prompt"] for row in rows)


def test_one_query_answers_what_a_kept_dialog_costs_by_filter(made):
    query = (
        "SELECT fell_at, reason, sum(money) / (SELECT sum(answers) FROM answer_costs WHERE asked_by = "
        "'instruction_dialogs' AND outcome = 'kept') AS per_kept_dialog FROM answer_costs GROUP BY ALL"
    )
    with made.catalog.snapshot() as connection:
        found = connection.execute(query).fetchall()
    assert len(found) > 3
    assert all(cost >= 0 for *_, cost in found)


def test_people_see_tables_and_without_prices_tokens(home, recipe, made, capsys):
    command.costs(made, as_json=False)
    told = capsys.readouterr().out
    assert "EUR" in told
    assert "By filter:" in told
    assert "too_short" in told or "curated_captions" in told


def test_the_rules_engine_costs_nothing_and_says_so(home, recipe, capsys):
    materialize(home, recipe)
    command.costs(home, as_json=False)
    assert "For money, put prices" in capsys.readouterr().out


def test_a_home_without_a_lake_or_without_answers_is_one_error(home):
    with pytest.raises(LakeError, match="holds no lake yet"):
        command.costs(home, as_json=False)
    home.prepare()
    with pytest.raises(LakeError, match="has no shard yet"):
        command.costs(home, as_json=False)
