"""Homes with a catalog."""

import pytest

from unicorn_assets.home import Home
from unicorn_assets.lake.layout import ALL
from unicorn_assets_tests.lake.catalogued import finish
from unicorn_assets_tests.lake.making import ids


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def filled(home) -> Home:
    finish(home, "seed_sources", ALL, rejected=ids(2, 10))
    finish(home, rejected=ids(2, 20), skipped=ids(1, 30))
    finish(home, shard="shard-0001", kept=ids(1, 40))
    return home
