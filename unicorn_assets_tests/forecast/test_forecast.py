"""`unicorn forecast`: on an empty, a half made and a finished HOME, without a server, and asked for nothing twice."""

import json

import pytest
from rich.console import Console

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.cli import forecast as command
from unicorn_assets.engines.rules.engine import RulesEngine
from unicorn_assets.errors import BudgetError, EngineDownError, SeedError
from unicorn_assets.forecast.forecast import forecast as foretell
from unicorn_assets.forecast.lanes import Lanes
from unicorn_assets.stages.accounting import HOUR
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize, run
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.dummy_server import DummyServer

SEEDS = 150


@pytest.fixture
def served(recipe, tmp_path):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"A brown dog with {n} spots stands beside a small boat.\n" for n in range(SEEDS)))
    return recipes.adjusted(recipe, seeds=[seeds], shards=3, engine="openai", model="dummy")


def told(home, recipe, capsys, rows=40, **options):
    capsys.readouterr()
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    if "base_url" in options:
        home.prepare()
        settings.update(home.path, "endpoint", base_url=options.pop("base_url"))
    command.forecast(home, recipe, rows, as_json=True, tools=tools, **options)
    return json.loads(capsys.readouterr().out)


def spent(found):
    return found["spent"]["prompt_tokens"] + found["spent"]["completion_tokens"]


def test_what_is_foretold_comes_and_is_asked_for_once(home, served, capsys):
    with DummyServer(delay=0.01, parallel=16) as server:
        first = told(home, served, capsys, base_url=server.base_url)
        profiled = dict(server.counts)
        assert first["profiled_rows"] == 40
        assert first["profile_asked"] == sum(profiled.values())
        assert first["stages"]["expanded_captions"]["answers"]["value"] == SEEDS - 40
        assert first["stages"]["modality_alignment"]["answers"]["value"] == 0  # its 16 were the first of the profile
        second = told(home, served, capsys, rows=20)
        assert second["stages"]["expanded_captions"]["answers"]["value"] == SEEDS - 60
        assert all(server.counts[row] == 1 for row in profiled)
        before = spent(second)
        assert run(home, served) == 0
        assert set(server.counts.values()) == {1}, "a row was asked twice"
        last = told(home, served, capsys)
        assert sum(server.counts.values()) == last_answers(home)
    left = spent(last) - before
    assert second["left"]["tokens"]["value"] == pytest.approx(left, rel=0.15)
    assert last["shards_left"] == 0
    assert last["left"]["tokens"]["value"] == last["left"]["seconds"]["value"] == 0
    assert last["profile_asked"] == 0


def last_answers(home):
    from unicorn_assets.stages.budget import standing

    return standing(home, settings.load(home.path)).spent.answers


def test_a_finished_home_says_so_and_one_with_other_filters_asks_for_no_caption(home, served, capsys):
    with DummyServer() as server:
        home.prepare()
        settings.update(home.path, "endpoint", base_url=server.base_url)
        materialize(home, served)
        asked = sum(server.counts.values())
        tools = Tools(home, served, make_encoder=lambda chosen: HashEncoder())
        command.forecast(home, served, 40, tools=tools)
        assert "Nothing is left to make" in capsys.readouterr().out
        stricter = served.model_copy(update={"curation": served.curation.model_copy(update={"min_words": 41})})
        for store in (home.path / "answers" / "expanded_captions").glob("*.parquet"):
            store.unlink()  # as a prune leaves it
        found = told(home, stricter, capsys, change_recipe=True)
        fit = served.alignment.sample  # it will be fitted anew, on answers that were pruned; no other is wanted
        assert sum(server.counts.values()) == asked + fit == asked + found["profile_asked"]
        assert found["shards_left"] == 3
        assert found["stages"]["expanded_captions"]["answers"]["value"] == 0
        assert found["stages"]["curated_captions"]["shards"] == 3


def test_shards_that_stand_count_with_their_own_figures(home, served, capsys):
    with DummyServer(delay=0.01, parallel=16) as server:
        home.prepare()
        settings.update(home.path, "endpoint", base_url=server.base_url)
        tools = Tools(home, served, make_encoder=lambda chosen: HashEncoder())
        half_made(home, served, tools)
        before = last_answers(home)
        found = told(home, served, capsys, rows=10)
        assert found["shards_left"] == 2
        assert found["profiled_rows"] == 10
        assert found["left"]["tokens"]["value"] > 0
        assert found["left"]["seconds"]["value"] > 0
        assert last_answers(home) - before == found["profile_asked"]


def half_made(home, recipe, tools):
    """The sources and the first of three shards."""
    from unicorn_assets.lake.layout import ALL
    from unicorn_assets.stages.graph import GRAPH, above_the_shards
    from unicorn_assets.stages.runner import make

    home.adopt(recipe)
    for name in above_the_shards(recipe):
        make(GRAPH[name], tools, ALL, graph=GRAPH, run_id="test")
    for stage in GRAPH.values():
        if stage.sharded:
            make(stage, tools, "shard-0000", graph=GRAPH, run_id="test")


def test_several_workers_finish_sooner_and_take_as_many_device_hours(home, recipe, capsys, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr(RulesEngine, "devices", 2, raising=False)
    many = recipe.model_copy(update={"shards": 6})
    assert "lanes" not in told(home, many, capsys, rows=20)["left"]
    settings.update(home.path, "lanes", devices=["0", "1", "2"], cpu_workers=6)
    found = told(home, many, capsys, rows=20)["left"]
    lanes = found["lanes"]
    assert (lanes["gpu_workers"], lanes["cpu_workers"], lanes["runs"], lanes["servers"]) == (3, 6, 6, 8)
    assert 0 < lanes["seconds"]["low"] <= lanes["seconds"]["value"] <= lanes["seconds"]["high"]
    assert lanes["seconds"]["value"] < found["seconds"]["value"]
    assert lanes["finish"] < found["finish"]
    shown = Console(record=True, width=200)
    tools = Tools(home, many, make_encoder=lambda chosen: HashEncoder())
    again = foretell(tools, 20, command.drive, lanes=Lanes(gpu=3, cpu=6, runs=6, servers=3))
    command.show(again, shown)
    one_server = again.device_hours.value * HOUR / 2
    asking = sum(line.seconds.value for line in again.lines if line.answers.value)
    assert 0 < one_server <= asking + 1, "neither divided nor multiplied by the workers"
    shown = shown.export_text()
    assert "if the web UI or the schedules begin now: 3 workers on the gpu lane and 6 on the cpu lane." in shown


def test_money_and_budget_are_compared_with_what_is_left(home, served, capsys):
    home.prepare()
    settings.update(home.path, "prices", prompt_million=2.0, completion_million=8.0, currency="EUR")
    settings.update(home.path, "budget", money=0.12)
    with DummyServer() as server:
        settings.update(home.path, "endpoint", base_url=server.base_url)
        tools = Tools(home, served, make_encoder=lambda chosen: HashEncoder())
        command.forecast(home, served, 10, tools=tools)
    shown = capsys.readouterr().out
    assert "EUR" in shown
    assert "The budget will not do: budget.money is 0.12" in shown
    assert "10 rows are few" in shown
    assert "beside the stages" in shown
    assert "unicorn run" in shown


def test_a_budget_without_room_for_the_profile_is_one_error(home, served, capsys):
    home.prepare()
    settings.update(home.path, "budget", tokens=0)
    with DummyServer() as server, pytest.raises(BudgetError, match="no room"):
        told(home, served, capsys, base_url=server.base_url)


def test_without_a_server_there_is_one_error(home, served, capsys, monkeypatch):
    monkeypatch.setattr(command, "PATIENCE_SECONDS", 0.5)
    with pytest.raises(EngineDownError, match="has given no answer") as caught:
        told(home, served, capsys, base_url="http://127.0.0.1:9/v1")
    assert "To mend it" in str(caught.value)
    assert settings.load(home.path).endpoint.patience_seconds == 900


def test_without_seeds_there_is_one_error(home, recipe, tmp_path, capsys):
    gone = recipes.adjusted(recipe, seeds=[tmp_path / "nowhere.txt"])
    with pytest.raises(SeedError, match=r"nowhere\.txt"):
        told(home, gone, capsys)


def test_the_rules_engine_takes_seconds_and_no_tokens(home, recipe, capsys):
    found = told(home, recipe, capsys, rows=20)
    assert found["left"]["tokens"]["value"] == 0
    assert found["left"]["money"] is None
    assert found["left"]["seconds"]["value"] > 0
    assert found["stages"]["expanded_captions"]["answers"]["value"] == 40
    assert found["notes"] == ["20 rows are few; the ranges are wide for a reason. More: --rows."]
    assert not list(home.path.glob(".rehearsal-*"))
