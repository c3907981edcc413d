"""`unicorn status`: its shard table."""

import json

import pytest

from unicorn_assets.cli import shards, status
from unicorn_assets.identity import shard_names
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.conftest import materialize
from unicorn_assets_tests.doubles import HashEncoder


@pytest.fixture
def show(home, recipe, monkeypatch, capsys):
    """What the command prints, with the stand-in encoder."""
    monkeypatch.setattr(
        Tools, "at", lambda home: Tools(home, home.recipe() or recipe, make_encoder=lambda chosen: HashEncoder())
    )

    def shown(**options):
        capsys.readouterr()
        status.status(home, as_json=options.pop("as_json", False), **options)
        return capsys.readouterr().out

    return shown


def lines_of(shown):
    return {line.split()[0]: line for line in shown.splitlines() if line.startswith("shard-")}


def test_every_shard_has_a_line_with_a_mark_for_each_stage_and_why(home, recipe, show):
    materialize(home, recipe)
    assert lines_of(show()) == {}
    assert "3 of 3 shards are fresh in all stages." in show()
    every = lines_of(show(every_shard=True))
    assert list(every) == shard_names(3)
    made = home.lake.need("pretrain_dataset", "shard-0000")
    dialogs = home.lake.need("instruction_dataset", "shard-0000")
    day, minute = made.run.started[:10], made.run.started[11:13]
    assert every["shard-0000"].split()[:4] == ["shard-0000", "========", str(made.rows_out), str(dialogs.rows_out)]
    assert f"{day} {minute}" in every["shard-0000"]
    assert every["shard-0000"].split()[-1] == "test"  # the run's id

    home.lake.sidecar_path("curated_captions", "shard-0001").unlink()
    home.lake.rows("text_embeddings", "shard-0002").write_bytes(b"")
    shown = show()
    found = lines_of(shown)
    assert list(found) == ["shard-0001", "shard-0002"]
    assert found["shard-0001"].split()[1] == "==-sssss"
    assert "curated_captions missing: not made yet" in found["shard-0001"]
    assert found["shard-0002"].split()[1][4] == "d"
    assert "has 0 bytes" in found["shard-0002"]
    assert "1 of 3 shards are fresh" in shown
    assert lines_of(show(every_shard=True)).keys() == set(shard_names(3))


def test_a_home_with_nothing_made_shows_twenty_shards_and_how_to_see_the_rest(home, recipe, show):
    home.prepare()
    home.adopt(recipe.model_copy(update={"shards": 50}))
    shown = show()
    found = lines_of(shown)
    assert list(found) == shard_names(50)[: shards.SHOWN]
    assert found["shard-0000"].split()[:5] == ["shard-0000", "--------", "-", "-", "-"]
    assert "and 30 more" in shown
    assert len(lines_of(show(every_shard=True))) == 50


def test_json_names_the_run_of_every_shard(home, recipe, show):
    materialize(home, recipe)
    told = json.loads(show(as_json=True))
    assert {one["run_id"] for one in told} == {"test"}
    assert all(one["started"] for one in told)
