"""A HOME for the lanes, whose workers end with the test."""

import pytest

from unicorn_assets_tests.execution.lane_home import LaneHome


@pytest.fixture
def lane_home(tmp_path):
    """An empty HOME with nothing left of its lanes afterwards."""
    made = LaneHome(tmp_path / "home")
    made.settings("[lanes]\nidle_seconds = 60\n")
    yield made
    made.close()
