"""Settings: lists from the file, and what is wrong with one that cannot be used."""

import pytest

from unicorn_assets import settings
from unicorn_assets.errors import RecipeError


def test_lists_are_read_as_a_file_writes_them(tmp_path):
    (tmp_path / "settings.toml").write_text(
        '[vllm]\ndevices = ["0,1", "2,3"]\nextra_arguments = ["--seed", "1"]\n[lanes]\ndevices = ["0", "1"]\n'
    )
    found = settings.load(tmp_path)
    assert found.vllm.devices == ("0,1", "2,3")
    assert found.vllm.extra_arguments == ("--seed", "1")
    assert found.lanes.devices == ("0", "1")


def test_a_lane_without_a_device_is_refused(tmp_path):
    (tmp_path / "settings.toml").write_text("[lanes]\ndevices = []\n")
    with pytest.raises(RecipeError, match=r"lanes\.devices"):
        settings.load(tmp_path)
