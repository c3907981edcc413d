"""Images as files: which ones a folder holds, and what they show."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unicorn_assets.errors import ImageError
from unicorn_assets.identity import ID_LENGTH
from unicorn_assets.lake.files import known_sha256

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class UnreadableImageError(Exception):
    """One file that is no image, is cut short or cannot be read; says why."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image in a folder.

    Args:
        file: where it stands.
        name: its path in the folder, in UTF-8.
        sha256: of its content; empty where it cannot be read.
    """

    file: Path
    name: str
    sha256: str

    @property
    def id(self) -> str:
        """Follows from the content alone, so that a new name or another folder changes nothing."""
        return self.sha256[:ID_LENGTH]


def image_files(folder: Path) -> list[ImageFile]:
    """The images of a folder and of those below it by their endings (SUFFIXES), sorted by name.

    Raises:
        ImageError: there is no such folder, it cannot be read, or no image is in it.
    """
    if not folder.is_dir():
        raise ImageError(f"There is no folder {folder}.", "give the path of a folder of images in [alignment.images].")
    files = (file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and not file.is_dir())
    found = [_described(folder, file) for file in files]
    if not found:
        raise ImageError(
            f"{folder} holds no images.", f"put some there; their names must end in {', '.join(SUFFIXES)}."
        )
    return sorted(found, key=lambda one: one.name)


def _described(folder: Path, file: Path) -> ImageFile:
    name = file.relative_to(folder).as_posix().encode(errors="replace").decode()
    try:
        return ImageFile(file, name, known_sha256(file))
    except OSError:
        return ImageFile(file, name, "")


def read_image(file: Path) -> "Image":
    """What an image shows, in RGB, turned as its camera says; the first picture of several.

    Raises:
        UnreadableImageError: it is no image, cut short, too large (180 million pixels) or cannot be read.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # foreign files: what matters raises
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                return ImageOps.exif_transpose(opened).convert("RGB")
    except Exception as error:  # foreign files can fail the decoders in any way
        raise UnreadableImageError(f"{type(error).__name__}: {error}") from error
