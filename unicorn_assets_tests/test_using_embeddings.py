"""docs/using_embeddings.md: its table against the methods, its commands, its recipe and its Python run."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets.stages import transfer_checks
from unicorn_assets.transfer.fitted import METHODS, FittedTransfer
from unicorn_assets_tests.lake.test_embedding_files import read, write
from unicorn_assets_tests.test_readme import environment
from unicorn_assets_tests.transfer.metrics.clouds import normalised
from unicorn_assets_tests.transfer.references import fitted, images, names, texts

PAGE = (CHECKOUT / "docs" / "using_embeddings.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_table_has_the_rule_of_every_method():
    table = re.findall(r"^\| `(\w+)`(.*?) \| .* \| (.*) \|$", PAGE.split("## Doing it")[0], flags=re.MULTILINE)
    assert {name for name, _, _ in table} == set(METHODS)
    for name, form, told in table:
        method = fitted("c3_images" if form == " with images" else name, texts(), images())
        rule = method.image_rule()
        assert rule.own_mean == told.startswith("less") != told.startswith("as they are"), name
        if "renormalise = false" in form:
            assert told.endswith("not renormalised")


def test_the_recipe_is_valid():
    [shown] = blocks("toml")
    head = 'name = "a"\n[[seeds.sources]]\nname = "b"\npath = "b.txt"\n'
    recipe = recipes.parse(head + shown, where="the page", base=Path("/recipes"))
    assert (recipe.alignment.method, recipe.alignment.images.path) == ("matched", "/recipes/photos")


@pytest.mark.parametrize("name", ["mean_shift", "realign"])
def test_the_commands_and_the_python_run(tmp_path, name):
    release = tmp_path / "data" / "releases" / "demo" / "latest"
    release.mkdir(parents=True)
    FittedTransfer(fitted(name, texts(), images()), 400, images=300).save(release / "transfer.safetensors")
    write(tmp_path / "images.arrow", images(), names(300))
    write(tmp_path / "more_images.arrow", images(1, seed=5))
    for block in blocks("sh"):
        subprocess.run(["bash", "-euc", block], cwd=tmp_path, env=environment(), check=True, capture_output=True)
    scope = {"images": images(1, seed=5), "many_images": images()}
    code = "".join(blocks("python")).replace("data/releases", f"{tmp_path}/data/releases")
    exec(code, scope)
    assert np.allclose(scope["ready"].vectors, read(tmp_path / "more_ready.arrow")[1], atol=1e-6)
    wanted = normalised(images(1, seed=5) - images().mean(axis=0)) if name == "mean_shift" else images(1, seed=5)
    assert np.allclose(scope["ready"].vectors, wanted, atol=1e-5)


def test_the_checks_that_it_names_are_there_and_block_nothing():
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.split("| check of")[1], flags=re.MULTILINE))
    assert named == {check.name for check in transfer_checks.OF_THE_FIT}
    assert not any(check.blocking for check in (*transfer_checks.OF_THE_FIT, transfer_checks.NO_DRIFT))
    assert f"`{transfer_checks.NO_DRIFT.name}`" in PAGE
