"""The README's commands, run as a stranger would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from unicorn_assets.recipe import CHECKOUT

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
MARKED = re.findall(r"<!-- run -->\n```sh\n(.*?)```", README, flags=re.DOTALL)


def environment(**more):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {name: value for name, value in os.environ.items() if name != "UNICORN_HOME"} | {"PATH": path} | more


@pytest.mark.timeout(600)
def test_commands_for_ones_own_seeds_and_questions(tmp_path):
    shipped = (CHECKOUT / "data" / "seeds" / "open_domain.jsonl").read_text(encoding="utf-8").splitlines()
    (tmp_path / "my_captions.jsonl").write_text("\n".join(shipped[:24]) + "\n", encoding="utf-8")
    assert len(MARKED) == 3
    for block in MARKED:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "my_home" / "releases" / "demo" / "latest" / "manifest.json").is_file()
    assert (tmp_path / "my_home_2" / "releases" / "mine" / "latest" / "manifest.json").is_file()


def test_no_command_of_the_readme_is_left_out():
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    unmarked = [block for block in blocks if block not in MARKED]
    assert len(unmarked) == 1
    targets = re.findall(r"^make (\w+)", unmarked[0], flags=re.MULTILINE)
    assert targets == ["demo", "dev"]  # run by the next test and by test_web_ui


@pytest.mark.skipif(
    not (CHECKOUT / ".venv" / ".installed").exists(), reason="`make` has not installed here; `make test` has"
)
@pytest.mark.timeout(600)
def test_make_demo_ends_with_a_release_and_installs_nothing_again(tmp_path):
    done = subprocess.run(
        ["make", "demo"],
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
