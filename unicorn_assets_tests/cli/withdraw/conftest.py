"""The recipe of two sources that is withdrawn from, and the command."""

import json

import pytest

from unicorn_assets.cli import withdraw as command
from unicorn_assets.recipe import Source
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.cli.withdraw.homes import (
    HEN,
    KITE,
    MINE,
    WHY,
    with_sources,
)
from unicorn_assets_tests.doubles import HashEncoder


@pytest.fixture
def mine(tmp_path, recipe):
    """Two sources under two licences; the second gives one seed of the first again, and one of its own."""
    more = [f"A {colour} boat beside jetty {number}." for colour in ("blue", "green") for number in range(14)]
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("\n".join([KITE, HEN, *more]) + "\n")
    second.write_text(f"{HEN}\n{MINE}\n")
    sources = [
        Source(name="first", path=str(first), licence="CC-BY-4.0"),
        Source(name="second", path=str(second), licence="CC-BY-NC-4.0"),
    ]
    dialogs = recipe.dialogs.model_copy(update={"share": 1.0})
    return with_sources(recipe, *sources).model_copy(update={"dialogs": dialogs})


@pytest.fixture
def do(made, mine, capsys):
    """What the command prints, as JSON."""

    def done(why=WHY, **options):
        named = {kind: options.pop(kind, None) for kind in command.KINDS}
        tools = Tools(made, mine, make_encoder=lambda chosen: HashEncoder())
        capsys.readouterr()
        assert command.withdraw(made, named, why, as_json=True, tools=tools, **options) == 0
        return json.loads(capsys.readouterr().out.partition("\n}\n")[0] + "}")

    return done
