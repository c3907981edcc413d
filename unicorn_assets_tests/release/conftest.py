"""A small lake for each test, and one release of it for all that only read."""

import shutil
from pathlib import Path

import pytest

from unicorn_assets.release.build import Coverage, build
from unicorn_assets_tests.release.lakes import SmallLake, recipe


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    return SmallLake(tmp_path / "lake")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallLake, Path]:
    """A lake and its release, for tests that only read."""
    folder = tmp_path_factory.mktemp("made")
    small = SmallLake(folder / "lake")
    build(small.lake, recipe(), small.shards, Coverage(2, 2), folder / "release")
    return small, folder / "release"


EVERYTHING = {"formats": ["llava", "webdataset", "unicorn_authors"], "validation": 0.3}
"""A [release] section with all that can be asked for."""


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallLake, Path]:
    """A lake of 60 seeds and its release in all formats, a part of it held out, for tests that only read."""
    folder = tmp_path_factory.mktemp("everything")
    small = SmallLake(folder / "lake", rows=60)
    build(small.lake, recipe(release=EVERYTHING), small.shards, Coverage(2, 2), folder / "release")
    return small, folder / "release"


@pytest.fixture
def copy(everything: tuple[SmallLake, Path], tmp_path: Path) -> Path:
    """A copy of the release in all formats, to be damaged."""
    return Path(shutil.copytree(everything[1], tmp_path / "release"))
