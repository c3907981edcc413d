"""The README's commands, run as a stranger would run them."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from unicorn_assets.recipe import CHECKOUT, Recipe
from unicorn_assets.settings import Settings
from unicorn_assets_tests.engines.dummy_server import DummyServer

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
SERVED = re.findall(r"<!-- served -->\n```sh\n(.*?)```", README, flags=re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
MARKED = re.findall(r"<!-- run -->\n```sh\n(.*?)```", README, flags=re.DOTALL)


def environment(**more):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {name: value for name, value in os.environ.items() if name != "UNICORN_HOME"} | {"PATH": path} | more


def shell(block, folder, variables):
    command = ["bash", "-euo", "pipefail", "-c", block]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.timeout(600)
def test_commands_for_ones_own_seeds_and_questions(tmp_path):
    shipped = (CHECKOUT / "data" / "seeds" / "open_domain.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "my_captions.jsonl").write_text("\n".join(shipped[:24]) + "\n", encoding="utf-8")
    assert len(MARKED) == 3
    for block in MARKED:
        done = shell(block, tmp_path, environment())
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "my_home" / "releases" / "demo" / "latest" / "manifest.json").is_file()
    assert len(PYTHON) == 1
    shown = f"{PYTHON[0]}print(sorted(batch), len(batch['image_embedding']) == min(32, len(dataset)))"
    done = shell(f"python -c {shlex.quote(shown)}", tmp_path, environment())
    assert done.stdout.strip() == "['conversations', 'ids', 'image_embedding'] True", done.stderr
    assert (tmp_path / "my_home_2" / "releases" / "mine" / "latest" / "manifest.json").is_file()


@pytest.mark.timeout(600)
def test_commands_for_ones_own_model(tmp_path):
    shipped = (CHECKOUT / "data" / "seeds" / "open_domain.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "my_captions.jsonl").write_text("\n".join(shipped[:12]) + "\n", encoding="utf-8")
    assert len(SERVED) == 1
    with DummyServer() as server:
        more = {"MODEL": "dummy", "SERVER": server.base_url}
        done = shell(SERVED[0], tmp_path, environment(**more, UNICORN_API_KEY="not-a-key-of-anybody"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "my_served_home" / "releases" / "demo" / "latest" / "manifest.json").is_file()


def test_settings_that_the_page_for_operators_shows_are_valid():
    page = (CHECKOUT / "docs" / "operating.md").read_text(encoding="utf-8")
    shown = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    read = Settings.model_validate(tomllib.loads("\n".join(shown)))
    assert read.lanes.devices == ("0", "1", "2", "3")
    assert [route.kind for route in read.alerts.routes] == ["slack", "email"]
    assert read.schedule.on is True


def test_sections_of_a_recipe_that_the_page_on_selection_shows_are_valid(recipe):
    page = (CHECKOUT / "docs" / "selection.md").read_text(encoding="utf-8")
    shown = tomllib.loads("\n".join(re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)))
    assert shown.keys() == {"duplicates", "decontamination", "mix"}
    read = Recipe.model_validate(recipe.model_dump() | shown)
    assert read.duplicates == recipe.duplicates, "it shows the defaults"
    assert [one.share for one in read.mix.wanted] == [0.1, 0.6]
    assert read.decontamination.benchmarks[0].name == "vqa"


def test_settings_that_the_readme_shows_are_valid():
    shown = re.findall(r"```toml\n(.*?)```", README, flags=re.DOTALL)
    assert len(shown) == 1
    assert Settings.model_validate(tomllib.loads(shown[0])).prices.device_hour == 2.5


def test_no_command_of_the_readme_is_left_out():
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    unmarked = [block for block in blocks if block not in (*MARKED, *SERVED)]
    assert len(unmarked) == 1
    targets = re.findall(r"^make (\w+)", unmarked[0], flags=re.MULTILINE)
    assert targets == ["demo", "dev"]  # run by the next test and by test_web_ui


@pytest.mark.skipif(
    not (CHECKOUT / ".venv" / ".installed").exists(), reason="`make` has not installed here; `make test` has"
)
@pytest.mark.timeout(600)
def test_make_demo_ends_with_a_release_and_installs_nothing_again(tmp_path):
    done = subprocess.run(
        ["make", "--no-print-directory", "demo"],
        cwd=CHECKOUT,
        env=environment(UNICORN_HOME=str(tmp_path / "home")),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pip install" not in done.stdout
    folder = Path(done.stdout.splitlines()[-1])
    assert folder.parent == tmp_path / "home" / "releases" / "demo"
    assert (folder / "manifest.json").is_file()


def test_files_that_the_readme_names_are_there():
    for name in re.findall(r"\]\(((?!https?:)[^)#]+)\)", README):
        assert (CHECKOUT / name).exists(), name
