"""A draft becomes a release whole or not at all, and damage to a release is found."""

import json
import shutil
from pathlib import Path

import pytest

from unicorn_assets.errors import LakeError
from unicorn_assets.release.build import Coverage, build, intact, publish
from unicorn_assets_tests.release.lakes import SmallLake, recipe


@pytest.fixture
def draft(made: tuple[SmallLake, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "releases" / "small" / ".draft"))


@pytest.fixture
def version(made: tuple[SmallLake, Path]) -> str:
    return str(json.loads((made[1] / "manifest.json").read_text())["version"])


def test_a_draft_becomes_the_latest_release(draft: Path, version: str, tmp_path: Path) -> None:
    folder = publish(draft, tmp_path / "releases", "small", version)
    assert folder == tmp_path / "releases" / "small" / version
    assert intact(folder, thorough=True) is None
    latest = folder.parent / "latest"
    assert latest.readlink() == Path(version)
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted([version, "latest"])


def test_latest_moves_on_and_older_releases_stay(made: tuple[SmallLake, Path], version: str, tmp_path: Path) -> None:
    small, folder = made
    releases = tmp_path / "releases"
    publish(Path(shutil.copytree(folder, tmp_path / "first")), releases, "small", version)
    built = build(small.lake, recipe(), small.shards[:1], Coverage(1, 2, {small.shards[1]: "…"}), tmp_path / "second")
    publish(tmp_path / "second", releases, "small", built.version)
    assert (releases / "small" / "latest").readlink() == Path(built.version)
    assert intact(releases / "small" / version, thorough=True) is None
    publish(Path(shutil.copytree(folder, tmp_path / "third")), releases, "small", version)
    assert (releases / "small" / "latest").readlink() == Path(version)


def test_an_equal_release_that_is_whole_is_kept(draft: Path, version: str, tmp_path: Path) -> None:
    first = publish(Path(shutil.copytree(draft, tmp_path / "first")), tmp_path / "releases", "small", version)
    mine = first / "notes.txt"
    mine.write_text("kept")
    assert publish(draft, tmp_path / "releases", "small", version) == first
    assert mine.read_text() == "kept"
    assert not draft.exists()


def test_a_damaged_release_is_moved_aside_and_replaced(
    made: tuple[SmallLake, Path], version: str, tmp_path: Path
) -> None:
    for number in (1, 2):
        copy = Path(shutil.copytree(made[1], tmp_path / "draft"))
        folder = publish(copy, tmp_path / "releases", "small", version)
        assert intact(folder, thorough=True) is None
        (folder / "notes.txt").write_text(f"mine {number}")
        file = folder / "embeddings" / "shard-0000.arrow"
        file.write_bytes(b"x" * file.stat().st_size)
    aside = tmp_path / "releases" / "small" / "damaged" / f"{version}-1"
    assert (aside / "notes.txt").read_text() == "mine 1"
    publish(Path(shutil.copytree(made[1], tmp_path / "draft")), tmp_path / "releases", "small", version)
    assert (aside.parent / f"{version}-2" / "notes.txt").read_text() == "mine 2"


def test_a_folder_called_latest_is_named(draft: Path, version: str, tmp_path: Path) -> None:
    latest = draft.parent / "latest"
    latest.mkdir()
    (latest / "mine").touch()
    with pytest.raises(LakeError, match=r"latest.* cannot be written") as error:
        publish(draft, tmp_path / "releases", "small", version)
    assert "a folder stands where a file is needed" in error.value.cure
    assert (latest / "mine").exists()
    assert not list(draft.parent.glob(".latest*"))


def test_a_file_in_the_place_of_the_releases_is_named(made: tuple[SmallLake, Path], tmp_path: Path) -> None:
    (tmp_path / "releases").touch()
    with pytest.raises(LakeError, match="cannot be written"):
        publish(made[1], tmp_path / "releases", "small", "0" * 16)
    assert intact(made[1]) is None


def test_a_missing_file_or_another_size_is_found_at_a_glance(draft: Path) -> None:
    (draft / "README.md").write_text("shorter")
    assert "README.md has 7 bytes instead of" in str(intact(draft))
    (draft / "README.md").unlink()
    assert "README.md is missing" in str(intact(draft))


def test_other_content_of_the_same_size_is_found_by_a_thorough_look(draft: Path) -> None:
    path = draft / "llava" / "pretrain.json"
    path.write_text(path.read_text().replace("Seed", "Sead", 1))
    assert intact(draft) is None
    assert "pretrain.json does not have the content" in str(intact(draft, thorough=True))


def test_every_change_to_the_manifest_is_found(draft: Path) -> None:
    path = draft / "manifest.json"
    text = path.read_text()
    assert text.count('"rows_in": 40') > 1
    path.write_text(text.replace('"rows_in": 40', '"rows_in": 41', 1))
    assert "does not give the version that it names" in str(intact(draft))
    for content in (text[: len(text) // 2].encode(), b"\xff"):
        path.write_bytes(content)
        assert "is no manifest of a release" in str(intact(draft))
    path.write_text(text.replace('"seal"', '"no_seal"'))
    assert "is damaged (seal: Field required)" in str(intact(draft))
    path.unlink()
    assert "cannot be read: No such file" in str(intact(draft))
