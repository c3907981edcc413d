"""`unicorn withdraw` as a person meets it: what it says, and what it refuses."""

import json

import pytest

from unicorn_assets.cli import withdraw as command
from unicorn_assets.errors import LakeError, RecipeError
from unicorn_assets.identity import sample_id
from unicorn_assets_tests.cli.test_errors import refused, unicorn
from unicorn_assets_tests.cli.withdraw.homes import (
    KITE,
    MINE,
    WHY,
    home_of,
)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": "0" * 20}, "holds nothing of a seed with the id 00000000000000000000"),
        ({"seed": "A caption of nobody."}, "holds nothing of a seed"),
        ({"source": "third"}, "has no source 'third'; it has first, second"),
        ({"source": "SECOND"}, "has no source 'SECOND'"),
        ({"licence": "MIT"}, "has no licence 'MIT'; it has CC-BY-4.0, CC-BY-NC-4.0"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(do, made, options, says):
    with pytest.raises(LakeError, match=says):
        do(**options)
    assert made.withdrawals.in_force() == ()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"why": None, "seed": KITE}, "needs a reason"),
        ({"why": " \n", "seed": KITE}, "needs a reason"),
        ({"why": "", "seed": KITE, "undo": True}, "needs a reason"),
        ({}, "not clear what to withdraw"),
        ({"seed": " "}, "not clear what to withdraw"),
        ({"seed": KITE, "source": "first"}, "not clear what to withdraw"),
        ({"seed": KITE, "apply": True, "dry_run": True}, "contradict"),
    ],
)
def test_a_command_that_is_not_clear_records_nothing(do, made, options, says):
    with pytest.raises(RecipeError, match=says):
        do(**options)
    assert not made.withdrawals.path.exists()


def test_a_home_without_a_recipe_has_nothing_to_withdraw(home):
    with pytest.raises(LakeError, match="holds no recipe yet"):
        command.withdraw(home, {"seed": KITE}, WHY)


def test_a_person_reads_what_goes_and_what_follows(made, capsys):
    command.withdraw(made, {"seed": KITE}, WHY)
    text = capsys.readouterr().out
    for part in (
        f"The seed {sample_id(KITE)} is withdrawn, on record in {made.withdrawals.path}: {WHY}",
        f"{home_of(sample_id(KITE))} 1",
        "Stored answers: 1 of expanded_captions, 1 of instruction_dialogs. They stay",
        "carries it (1 of pretrain, 1 of instruction).",
        f"To be made anew: seed_sources; caption_seeds to instruction_dataset [{home_of(sample_id(KITE))}]; "
        "near_duplicates; selection; release.",
    ):
        assert part in text, part
    assert KITE not in text, "what is withdrawn is not told on"
    command.listed(made, as_json=False)
    assert f"seed {sample_id(KITE)}: {WHY}" in capsys.readouterr().out
    with made.withdrawals.path.open("ab") as file:
        file.write(b'{"kind": "se')
    command.listed(made, as_json=False)
    assert "is cut off (12 bytes" in capsys.readouterr().out


def test_the_command_line(made):
    done = unicorn("withdraw", "--home", made.path, "--source", "second", "--why", WHY)
    assert done.returncode == 0, done.stderr
    assert "The source second is withdrawn" in done.stdout
    refused("withdraw", "--home", made.path, "--seed", KITE, says=["needs a reason"])
    refused("withdraw", "--home", made.path, "--undo", "--seed", KITE, "--why", "x", says=["is not withdrawn"])
    listed = json.loads(unicorn("withdraw", "--home", made.path, "--list", "--json").stdout)
    assert [one["name"] for one in listed["withdrawn"]] == ["second"]
    assert "Withdrawn: 1 source; `unicorn withdraw --list` shows them." in unicorn("status", "--home", made.path).stdout
    assert unicorn("withdraw", "--home", made.path / "nowhere", "--list").stdout == "Nothing is withdrawn.\n"


def test_a_preview_shows_nothing_that_was_withdrawn(do, made):
    do(source="first")
    done = unicorn("preview", "--home", made.path, "--rows", 30)
    assert done.returncode == 0, done.stderr
    assert MINE in done.stdout
    assert KITE not in done.stdout
