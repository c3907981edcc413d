"""Probes of a served model: a server of its own, each answer bought once and counted, whatever is killed."""

import shutil

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.cli.costs import costs
from unicorn_assets.engines import model_of
from unicorn_assets.engines.base import Model
from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.engines.vllm.plan import Plan
from unicorn_assets.errors import BudgetError
from unicorn_assets.execution import lanes
from unicorn_assets.home import Home
from unicorn_assets.settings import Endpoint, Settings
from unicorn_assets.stages import budget
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.runner import make
from unicorn_assets.stages.tools import Tools, prober_of
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.store_answers import PROCESSES
from unicorn_assets_tests.stages.probed import (
    EVERY,
    JUDGED,
    STAGES,
    Doubled,
    killed_midway,
    probing,
    rows_of,
    said,
    serve_probes,
    unprobed,
)

JUDGE = {"kind": "openai", "model": "dummy"}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A HOME written by rule, without probes."""
    home = Home(tmp_path_factory.mktemp("start") / "home")
    materialize(home, unprobed())
    return home


@pytest.fixture
def home(start, tmp_path):
    """A copy of one's own, with a recipe whose probes a served model answers."""
    shutil.copytree(start.path, tmp_path / "home", symlinks=True)
    found = Home(tmp_path / "home")
    found.adopt(served(), change=True)
    return found


@pytest.fixture
def server():
    with DummyServer() as running:
        yield running


def served(**section):
    return probing(engine=JUDGE, share=1.0, **section)


def tools_at(home):
    return Tools(home, home.recipe(), make_encoder=lambda chosen: HashEncoder())


def probe_all(home, stages=STAGES):
    tools, stood = tools_at(home), graph(home.recipe())
    try:
        for name in stages:
            for shard in stood[name].shards(home.recipe()):
                make(stood[name], tools, shard, graph=stood, run_id="test")
    finally:
        tools.close()


def test_the_probes_go_to_a_server_of_their_own_and_are_bought_once(home, server):
    with DummyServer() as writer:
        settings.update(home.path, "endpoint", base_url=writer.base_url)
        settings.update(home.path, "probing_endpoint", base_url=server.base_url)
        probe_all(home, EVERY)
        assert not writer.requests
    rows = {stage: rows_of(home, stage) for stage in EVERY}
    asked = sum(len(found) for found in rows.values())
    assert len(server.requests) == asked > 40
    assert all(one["model"] == "dummy" for one in server.requests)
    assert all(one["temperature"] == 0.0 and one["max_tokens"] == 256 for one in server.requests)
    assert all(any(row["question"] in text for text in said(server)) for row in rows["round_trip"])
    assert all(row["completion_tokens"] > 0 for found in rows.values() for row in found)
    assert sum("response_format" in one for one in server.requests) == len(rows[JUDGED])
    assert {row["grade"] for row in rows[JUDGED]} == {3.25}
    for stage in EVERY:
        for one in graph(served())[stage].shards(served()):
            home.lake.sidecar_path(stage, one).unlink()
    probe_all(home, EVERY)
    assert len(server.requests) == asked
    assert rows == {stage: rows_of(home, stage) for stage in EVERY}


def test_without_an_endpoint_of_their_own_they_go_to_the_writers(home, server):
    settings.update(home.path, "endpoint", base_url=server.base_url)
    probe_all(home, ["round_trip"])
    assert len(server.requests) == len(rows_of(home, "round_trip"))


def test_what_a_kill_leaves_is_not_asked_again(home, server):
    server.behaviour.delay = 0.03
    stage, shard = "round_trip", "shard-0000"
    child = PROCESSES.Process(
        target=serve_probes, args=(home.path, recipes.dump(served()), server.base_url, stage, shard)
    )
    child.start()
    killed_midway(child, server, 8)
    assert home.lake.sidecar(stage, shard) is None
    with AnswerReader(home.answers(stage, shard)) as store:
        kept = len(store)
    assert kept > 0
    asked, server.behaviour.delay = len(server.requests), 0.0
    serve_probes(home.path, recipes.dump(served()), server.base_url, stage, shard)
    made = home.lake.need(stage, shard)
    assert len(server.requests) - asked == made.rows_out - kept
    assert made.metrics["answers_reused"] == kept
    assert made.metrics["requests"] == made.rows_out - kept


def test_probes_are_in_the_books_and_stop_at_the_budget(home, server, capsys):
    settings.update(home.path, "endpoint", base_url=server.base_url)
    settings.update(home.path, "prices", prompt_million=2.0, completion_million=10.0, currency="EUR")
    settings.update(home.path, "budget", tokens=6_000)
    with pytest.raises(BudgetError, match=r"round_trip \[shard-000\d\] has \d+ of \d+ answers"):
        probe_all(home)
    used = budget.standing(home, settings.load(home.path)).spent
    assert 0 < used.prompt_tokens + used.completion_tokens <= 6_000
    assert budget.used_up(tools_at(home)), "although the writer costs nothing"
    settings.update(home.path, "budget", tokens=10_000_000)
    probe_all(home)
    used = budget.standing(home, settings.load(home.path)).spent
    rows = [row for stage in STAGES for row in rows_of(home, stage)]
    assert used.answers == len(rows)
    assert used.prompt_tokens == sum(row["prompt_tokens"] for row in rows)
    assert sum(row["completion_tokens"] for row in rows) == used.completion_tokens
    capsys.readouterr()
    costs(home, as_json=False)
    told = capsys.readouterr().out
    assert "round_trip-1" in told
    assert "blind_answers-1" in told


def test_a_recipe_is_free_where_rules_alone_answers():
    assert unprobed().is_free
    assert probing().is_free
    assert not served().is_free
    assert probing(engine=JUDGE, round_trip=False, blind_answers=False, judge=False).is_free, "nothing is asked of it"
    written = probing().model_dump() | {"engine": JUDGE}
    assert not recipes.Recipe.model_validate(written).is_free


@pytest.fixture
def opened(home):
    """Tools whose engines are doubles, and what was opened, each with its endpoint."""
    found = []

    def open_double(chosen, made_with, folder):
        found.append((Doubled(model_of(chosen), lambda request: "A"), made_with.endpoint))
        return found[-1][0]

    def tools(writer, prober=None):
        table = probing(engine=prober).model_dump() | {"engine": writer}
        recipe = recipes.Recipe.model_validate(table)
        return Tools(home, recipe, make_engine=open_double, make_encoder=lambda chosen: HashEncoder())

    return tools, found


def test_one_engine_writes_and_answers_where_none_other_is_named(opened):
    tools, found = opened
    mine = tools(JUDGE)
    assert mine.prober is mine.engine
    assert tools(JUDGE, JUDGE).recipe.probing.engine == prober_of(mine.recipe)
    mine.close()
    assert [engine.closed for engine, _ in found] == [1]


def test_two_engines_stay_open_each_with_its_endpoint(opened, home):
    settings.update(home.path, "endpoint", base_url="http://127.0.0.1:1/v1")
    settings.update(home.path, "probing_endpoint", base_url="http://127.0.0.1:2/v1", max_in_flight=7)
    tools, found = opened
    mine = tools({"kind": "openai", "model": "writer"}, JUDGE)
    assert [mine.engine.model.name, mine.prober.model.name] == ["writer", "dummy"]
    assert mine.engine is mine.engine
    assert mine.prober is mine.prober
    assert [endpoint.base_url[-4] for _, endpoint in found] == ["1", "2"]
    assert found[1][1].max_in_flight == 7
    mine.close()
    assert [engine.closed for engine, _ in found] == [1, 1]


def test_an_endpoint_for_probes_holds_where_the_model_is_the_writers_too(opened, home):
    settings.update(home.path, "endpoint", base_url="http://127.0.0.1:1/v1")
    settings.update(home.path, "probing_endpoint", base_url="http://127.0.0.1:2/v1")
    tools, found = opened
    mine = tools(JUDGE)
    assert mine.prober is not mine.engine
    assert sorted(endpoint.base_url[-4] for _, endpoint in found) == ["1", "2"]
    mine.close()
    assert [engine.closed for engine, _ in found] == [1, 1]


def test_two_models_of_ours_are_never_held_at_once(opened):
    """Each waits until nobody holds the other one's server: held together they would wait for ever."""
    tools, found = opened
    mine = tools({"kind": "vllm", "model": "writer"}, {"kind": "vllm", "model": "prober"})
    first = mine.engine
    assert mine.prober.model.name == "prober"
    assert (first.closed, found[1][0].closed) == (1, 0)
    assert mine.engine is not first
    assert found[1][0].closed == 1
    mine.close()
    assert [engine.closed for engine, _ in found] == [1, 1, 1]


def test_settings_name_a_second_endpoint_or_none(tmp_path):
    assert Settings().probing_endpoint is None
    settings.update(tmp_path, "probing_endpoint", base_url="http://127.0.0.1:9/v1")
    found = settings.load(tmp_path)
    assert found.probing_endpoint == Endpoint(base_url="http://127.0.0.1:9/v1")
    assert found.endpoint == Endpoint()


def test_the_key_of_a_second_endpoint_is_guarded_like_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("FIRST_KEY", "one")
    monkeypatch.setenv("SECOND_KEY", "two")
    table = {"endpoint": {"api_key_env": "FIRST_KEY"}, "probing_endpoint": {"api_key_env": "SECOND_KEY"}}
    found = Settings.model_validate(table)
    assert found.key_variables == {"FIRST_KEY", "SECOND_KEY"}
    assert Settings().key_variables == {"UNICORN_API_KEY"}
    plan = Plan.of(Model("vllm", "m", ""), found, 0)
    assert not {"FIRST_KEY", "SECOND_KEY"} & plan.environment("mark").keys(), "no server of ours gets to see them"
    assert Plan.read(plan.written()) == plan
    before = lanes.identity(tmp_path, found)
    monkeypatch.setenv("SECOND_KEY", "three")
    assert lanes.identity(tmp_path, found) != before, "a worker that holds the old key is not used again"


def test_models_of_ours_are_driven_as_the_endpoint_says(opened, home):
    settings.update(home.path, "endpoint", max_in_flight=5)
    settings.update(home.path, "probing_endpoint", max_in_flight=7)
    tools, found = opened
    assert tools(JUDGE, {"kind": "vllm", "model": "prober"}).prober.model.name == "prober"
    assert found[0][1].max_in_flight == 5
