"""A budget as people meet it: a run that stops with one error and one alert, and goes on when it is raised."""

import json

import dagster as dg
import pytest

from unicorn_assets import attempts, settings
from unicorn_assets import recipe as recipes
from unicorn_assets.alerts import outbox
from unicorn_assets.cli import preview
from unicorn_assets.defs import instance
from unicorn_assets.defs.automation import Look
from unicorn_assets.errors import BudgetError
from unicorn_assets.execution import tags
from unicorn_assets.stages.budget import standing
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import run
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.dummy_server import DummyServer


@pytest.fixture
def served(recipe, tmp_path):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"A brown dog with {number} spots stands beside a small boat.\n" for number in range(90)))
    return recipes.adjusted(recipe, seeds=[seeds], shards=3, engine="openai", model="dummy")


def alerts(home):
    with outbox.opened(home.state) as connection:
        return [json.loads(body) for (body,) in connection.execute("SELECT body FROM alerts")]


def look(home, recipe, job="shards"):
    def tools(home):
        return Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())

    with dg.DagsterInstance.from_config(str(instance.prepare(home))) as opened:
        found = list(Look(home, opened, tools).at(job, "now"))
        reached = [one for one in opened.get_run_records() if tags.BUDGET in one.dagster_run.tags]
    return found, len(reached)


def test_a_run_stops_with_one_error_and_one_alert_and_goes_on_when_the_budget_is_raised(home, served, capsys):
    home.prepare()
    settings.update(home.path, "budget", tokens=14_000)
    with DummyServer() as server:
        assert run(home, served, base_url=server.base_url) == 1
        shown = capsys.readouterr().err
        assert shown.count("The budget has no room for another request: ") == 1
        assert "raise or remove what is used up under [budget]" in shown
        assert shown.count("Failed: ") == 1
        (alert,) = alerts(home)
        assert alert["kind"] == "budget_reached"
        assert alert["figures"] == {"max_tokens": 14_000}
        asked = sum(server.counts.values())

        (skipped,), stopped = look(home, served)
        assert stopped == 1
        assert isinstance(skipped, dg.SkipReason)
        assert "The budget is used up: " in skipped.skip_message
        with attempts.opened(home.state) as tried:
            assert tried.partitions() == set()

        assert run(home, served) == 1
        assert sum(server.counts.values()) == asked
        assert len(alerts(home)) == 1

        settings.update(home.path, "budget", tokens=2_000_000)
        found, _ = look(home, served)
        assert all(isinstance(one, dg.RunRequest) for one in found)
        assert run(home, served) == 0
        assert max(server.counts.values()) == 1, "a row was asked twice"
    made = home.lake.need("expanded_captions", "shard-0002")
    assert made.rows_out > 0


def test_a_run_that_costs_nothing_is_not_held_by_its_schedule(home, recipe):
    home.prepare()
    home.adopt(recipe)
    settings.update(home.path, "budget", tokens=0)
    found, _ = look(home, recipe, "sources")
    assert isinstance(found[0], dg.RunRequest)


def test_a_preview_is_counted_and_refused_when_the_budget_is_used_up(home, served, capsys):
    home.prepare()
    with DummyServer() as server:
        preview.preview(home, served, 5, base_url=server.base_url)
        used = standing(home, settings.load(home.path)).spent
        assert used.answers == sum(server.counts.values()) >= 5
        assert used.prompt_tokens == 100 * used.answers
        settings.update(home.path, "budget", tokens=10)
        asked = sum(server.counts.values())
        with pytest.raises(BudgetError, match="used up"):
            preview.preview(home, served, 5, base_url=server.base_url)
        assert sum(server.counts.values()) == asked
