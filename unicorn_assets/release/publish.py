"""Whether a release folder is whole, and how a finished draft becomes a release."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained, sha256, sync_folder, temporary
from unicorn_assets.release.manifest import FILE, Manifest, read

LATEST = "latest"
DAMAGED = "damaged"


def intact(folder: Path, *, thorough: bool = False) -> str | None:
    """What is wrong with a release folder, None if nothing.

    Args:
        folder: the release.
        thorough: compares the content of every file and of the manifest itself, not only names and sizes.
    """
    try:
        manifest = read(folder)
    except LakeError as error:
        return error.what.rstrip(".")
    return next(wrong_files(folder, manifest, thorough=thorough), None)


def wrong_files(folder: Path, manifest: Manifest, *, thorough: bool) -> Iterator[str]:
    """What is wrong with the manifest itself, and with each file that it describes.

    Args:
        folder: the release.
        manifest: its manifest.
        thorough: compares the content of every file, not only names and sizes.
    """
    if manifest.content_version() != manifest.version:
        yield f"{folder / FILE} is damaged: its content does not give the version that it names"
    elif manifest.whole() != manifest.seal:
        yield f"{folder / FILE} is damaged: what it says of changes is not what was written"
    for name, expected in manifest.files.items():
        file = folder / name
        try:
            if not file.is_file():
                yield f"{file} is missing"
            elif file.stat().st_size != expected.bytes:
                yield f"{file} has {file.stat().st_size:,} bytes instead of {expected.bytes:,}"
            elif thorough and sha256(file) != expected.sha256:
                yield f"{file} does not have the content that {FILE} describes"
        except OSError as error:
            yield f"{file} cannot be read: {error.strerror}"


def latest(folder: Path) -> Path | None:
    """The newest release among those of one recipe, None if there is none.

    Args:
        folder: RELEASES/RECIPE.
    """
    link = folder / LATEST
    return link.resolve() if link.is_dir() else None


def publish(draft: Path, releases: Path, recipe_name: str, version: str) -> Path:
    """Moves a finished draft to RELEASES/RECIPE/VERSION, whole or not at all, and points `latest` at it.

    An equal release that is whole is kept, and the draft dropped. A damaged one is moved to RELEASES/RECIPE/damaged,
    since somebody may have put files of their own in it.

    Args:
        draft: what `build` wrote; on the same file system as `releases`.
        releases: folder of all releases.
        recipe_name: the recipe.
        version: the version that `build` gave.

    Returns:
        The release's folder.

    Raises:
        LakeError: it cannot be written. What was released before stands.
    """
    target = releases / recipe_name / version
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and intact(target, thorough=True) is None:
            shutil.rmtree(draft)
        else:
            _sync(draft)
            if target.exists():
                _move_aside(target)
            draft.rename(target)
        _point(target.parent / LATEST, version)
        sync_folder(target.parent)
    return target


def _sync(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _move_aside(target: Path) -> None:
    graveyard = target.parent / DAMAGED
    graveyard.mkdir(exist_ok=True)
    number = 1
    while (graveyard / f"{target.name}-{number}").exists():
        number += 1
    target.rename(graveyard / f"{target.name}-{number}")


def _point(link: Path, version: str) -> None:
    """Relative, so that HOME can be moved; renamed over the old one, so that readers always find one of the two."""
    draft = temporary(link)
    draft.unlink(missing_ok=True)
    draft.symlink_to(version, target_is_directory=True)
    try:
        draft.replace(link)
    finally:
        draft.unlink(missing_ok=True)
