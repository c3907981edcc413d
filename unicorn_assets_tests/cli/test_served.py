"""The commands with a served model: a run, a second one that asks for nothing, a preview, and what it all costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.home import Home
from unicorn_assets_tests.conftest import run
from unicorn_assets_tests.engines.dummy_server import DummyServer

UNICORN = Path(sys.executable).with_name("unicorn")


@pytest.fixture(scope="module")
def server():
    with DummyServer() as running:
        yield running


def served(recipe, tmp_path):
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"A brown dog with {number} spots stands beside a small boat.\n" for number in range(12)))
    return recipes.adjusted(recipe, seeds=[seeds], shards=2, engine="openai", model="dummy")


def test_run_with_a_served_model_counts_tokens_and_money_and_asks_once(tmp_path, home, recipe, server):
    mine = served(recipe, tmp_path)
    home.path.mkdir()
    settings.update(home.path, "prices", prompt_million=2.0, completion_million=10.0, currency="EUR")
    assert run(home, mine, base_url=server.base_url) == 0
    assert settings.load(home.path).endpoint.base_url == server.base_url
    made = [home.lake.need("expanded_captions", shard) for shard in ("shard-0000", "shard-0001")]
    fitted = home.lake.need("modality_alignment", "all")
    assert sum(one.metrics["requests"] for one in (*made, fitted)) == 12
    assert fitted.metrics["completion_tokens"] > 0
    tokens = fitted.metrics["prompt_tokens"] * 2.0 + fitted.metrics["completion_tokens"] * 10.0
    assert fitted.metrics["cost"]["currency"] == "EUR"
    assert fitted.metrics["cost"]["money"] == pytest.approx(tokens / 1e6, abs=1e-6)
    with home.catalog.snapshot() as connection:
        query = "SELECT stage, sum(money), sum(kept), any_value(currency) FROM costs GROUP BY stage"
        costs = connection.execute(query).fetchall()
    by_stage = {stage: (money, kept, currency) for stage, money, kept, currency in costs}
    assert set(by_stage) == {"modality_alignment", "expanded_captions", "instruction_dialogs"}
    curated = sum(home.lake.need("curated_captions", shard).rows_out for shard in ("shard-0000", "shard-0001"))
    assert by_stage["expanded_captions"][1] == curated
    assert by_stage["modality_alignment"][0] == pytest.approx(tokens / 1e6, abs=1e-6)
    asked = len(server.requests)
    assert asked > 12
    assert run(Home(home.path), mine) == 0
    assert len(server.requests) == asked


def test_preview_of_a_served_model_shows_tokens_and_a_forecast(tmp_path, home, recipe, server):
    mine = served(recipe, tmp_path)
    path = tmp_path / "mine.toml"
    path.write_text(recipes.dump(mine))
    home.path.mkdir()
    settings.update(home.path, "prices", prompt_million=2.0, completion_million=10.0)
    command = [UNICORN, "preview", "--recipe", path, "--home", home.path, "--base-url", server.base_url, "--rows", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "tokens in" in done.stdout
    assert "at most 12 seeds" in done.stdout
    assert "USD" in done.stdout
    assert not home.lake.root.exists()
    assert settings.load(home.path).endpoint.base_url != server.base_url


def test_a_served_engine_without_a_model_is_refused(home):
    command = [UNICORN, "run", "--recipe", "demo", "--engine", "openai", "--home", home.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "name its model" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_are_wrong_name_their_key(home):
    home.path.mkdir()
    (home.path / "settings.toml").write_text("[endpoint]\nbase_ulr = 'http://x'\n")
    done = subprocess.run(
        [UNICORN, "run", "--home", home.path], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "endpoint.base_ulr" in done.stdout + done.stderr
