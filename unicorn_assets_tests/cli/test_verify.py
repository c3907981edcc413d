"""`unicorn verify` as a command: any folder, no HOME, and an exit status that scripts can use."""

import os
import shutil

import pytest

from unicorn_assets_tests.cli.test_errors import refused, unicorn
from unicorn_assets_tests.conftest import materialize


@pytest.fixture
def copy(home, recipe, tmp_path):
    materialize(home, recipe)
    return shutil.copytree(home.releases / "demo" / "latest", tmp_path / "elsewhere" / "copy", symlinks=False)


def test_a_copy_on_another_machine_is_checked_without_a_home(copy, tmp_path):
    alone = {name: value for name, value in os.environ.items() if name != "UNICORN_HOME"}
    alone |= {"HOME": str(tmp_path / "nobody")}
    done = unicorn("verify", copy, env=alone, cwd=copy.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Version ")
    assert " is whole: " in done.stdout
    assert "rows of pretrain" in done.stdout
    (copy / "README.md").unlink()
    (copy / "pretrain" / "mine.parquet").touch()
    done = unicorn("verify", "copy", env=alone, cwd=copy.parent)
    assert done.returncode == 1
    assert "copy/README.md is missing.\n  To mend it: copy that file again" in done.stdout
    assert "mine.parquet is no part of the release.\n  To mend it: move it" in done.stdout
    assert "2 faults: copy is not what its manifest says." in done.stdout


def test_many_faults_are_counted_and_not_all_shown(copy):
    for number in range(60):
        (copy / "pretrain" / f"mine-{number:02d}").touch()
    done = unicorn("verify", copy)
    assert done.returncode == 1
    assert "60 faults, 10 more than are shown" in done.stdout
    assert done.stdout.count("To mend it") == 50


def test_what_is_no_release_is_refused(tmp_path):
    refused("verify", tmp_path, says=["manifest.json cannot be read", "give the folder of a release"])
