"""A home that is made once for a module. What it is made of, its fixture `mine` says."""

import shutil

import pytest

from unicorn_assets.home import Home
from unicorn_assets_tests.conftest import materialize


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """Where the home stands that every test gets a copy of."""
    return Home(tmp_path_factory.mktemp("master") / "home")


@pytest.fixture
def made(master, home, mine):
    if not master.path.exists():
        materialize(master, mine)
    shutil.copytree(master.path, home.path, symlinks=True)
    home.adopt(mine, change=True)  # its sources stand elsewhere, and hold the same
    return home
