"""A forecast counts the probes of dialogs: what it foretells comes, and what it asks is not asked again."""

import json

import numpy as np
import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets import settings
from unicorn_assets.cli import forecast as command
from unicorn_assets.forecast.pace import Pace
from unicorn_assets.forecast.projection import project_probes
from unicorn_assets.stages.budget import standing
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.stages.probed import EVERY

SEEDS = 150


@pytest.fixture
def probed(recipe, tmp_path):
    """Written by one model and probed by another."""
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"A brown dog with {n} spots stands beside a small boat.\n" for n in range(SEEDS)))
    table = recipes.adjusted(recipe, seeds=[seeds], shards=3, engine="openai", model="dummy").model_dump()
    table["dialogs"]["share"] = 1.0
    table["probing"] = {
        "round_trip": True,
        "blind_answers": True,
        "judge": True,
        "share": 0.8,
        "engine": {"kind": "openai", "model": "other"},
    }
    return recipes.Recipe.model_validate(table)


def told(home, recipe, capsys, rows):
    capsys.readouterr()
    tools = Tools(home, recipe, make_encoder=lambda chosen: HashEncoder())
    command.forecast(home, recipe, rows, as_json=True, tools=tools)
    return json.loads(capsys.readouterr().out)


def test_probes_are_foretold_and_asked_for_once(home, probed, capsys):
    with DummyServer(delay=0.002, parallel=16, models=("dummy", "other"), counts_prompt=True) as server:
        home.prepare()
        settings.update(home.path, "endpoint", base_url=server.base_url)
        first = told(home, probed, capsys, rows=40)
        assert first["profile_asked"] == sum(server.counts.values())
        for stage in EVERY:
            assert first["stages"][stage]["answers"]["value"] > 20
            assert first["stages"][stage]["prompt"]["value"] > 0
            assert first["stages"][stage]["seconds"]["value"] > 0
            assert first["stages"][stage]["shards"] == 3
        before = standing(home, settings.load(home.path)).spent
        materialize(home, probed)
        assert set(server.counts.values()) == {1}, "a row was asked twice"
        after = standing(home, settings.load(home.path)).spent
        spent = after.prompt_tokens + after.completion_tokens - before.prompt_tokens - before.completion_tokens
        assert first["left"]["tokens"]["value"] == pytest.approx(spent, rel=0.2)
        last = told(home, probed, capsys, rows=40)
        assert all(last["stages"][stage]["answers"]["value"] == 0 for stage in EVERY)
        for shard in ("shard-0000", "shard-0001"):
            home.lake.sidecar_path("round_trip", shard).unlink()
        again = told(home, probed, capsys, rows=40)
        assert again["stages"]["round_trip"]["shards"] == 2
        assert again["stages"]["round_trip"]["answers"]["value"] == 0, "all of it is in the store"
        for shard in ("shard-0000", "shard-0001"):
            home.answers("round_trip", shard).with_suffix(".parquet").unlink()
        lost = told(home, probed, capsys, rows=40)
        rows = [home.lake.need("instruction_dialogs", shard) for shard in ("shard-0000", "shard-0001")]
        assert 0 < lost["stages"]["round_trip"]["answers"]["value"] < sum(one.rows_out for one in rows)
        assert lost["stages"]["round_trip"]["prompt"]["value"] > 0, "by the shard that stands"


def test_without_a_probe_in_the_profile_it_says_what_is_missing(home, probed, capsys):
    few = probed.model_copy(update={"probing": probed.probing.model_copy(update={"share": 0.01})})
    with DummyServer(models=("dummy", "other")) as server:
        home.prepare()
        settings.update(home.path, "endpoint", base_url=server.base_url)
        found = told(home, few, capsys, rows=8)
    notes = [note for note in found["notes"] if "round_trip" in note]
    assert found["stages"]["round_trip"]["answers"]["value"] > 0
    assert len(notes) == 1
    assert "round_trip are not in these figures" in notes[0] or "pace of round_trip" in notes[0]


def test_the_projection_is_the_mean_times_what_is_left_and_has_a_range():
    pace = Pace(10.0, (9.0, 10.0, 11.0))
    part = project_probes([(100, 10), (200, 20)], (2, 600, 60), [10.0, 30.0], pace)
    assert part.answers.value == 40
    assert part.prompt.value == pytest.approx(40 * 225)
    assert part.completion.value == pytest.approx(40 * 22.5)
    assert part.prompt.low < part.prompt.value < part.prompt.high
    assert part.seconds.value == pytest.approx(4.0)
    nothing = project_probes([], (0, 0, 0), [0.0], None)
    assert all(not np.any(values) for values in nothing.draws.values())
    unknown = project_probes([], (0, 0, 0), [5.0], None)
    assert (unknown.answers.value, unknown.tokens.value, unknown.seconds.value) == (5.0, 0.0, 0.0)
