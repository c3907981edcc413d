"""Real images at use time: what a model trained on a release asks of their embeddings, by the release's transfer."""

from pathlib import Path

from unicorn_assets.transfer.base import Carried, Rows
from unicorn_assets.transfer.fitted import FittedTransfer

FILE = "transfer.safetensors"
"""The fitted transfer in a release folder."""


def transfer_file(source: Path | str) -> Path:
    """The file of a release's transfer, or the file itself."""
    path = Path(source)
    return path / FILE if path.is_dir() else path


def fitted_transfer(source: Path | str) -> FittedTransfer:
    """The fitted transfer of a release, or of a file that `unicorn transfer --save-fit` wrote.

    Args:
        source: the release's folder, or the file.

    Raises:
        LakeError: there is no such file, or it is damaged.
    """
    return FittedTransfer.load(transfer_file(source))


def carry_images(source: Path | str, images: Rows, reference: Rows | None = None) -> Carried:
    """Images' embeddings as a model trained on a release reads them.

    Args:
        source: the release's folder, or the file of a fitted transfer.
        images: unit embeddings of the image encoder that belongs to the release's text encoder, (n, dimension).
        reference: where the rule subtracts a mean, the images that it is taken over, (m, dimension): many, of the kind
            that the model will see. By default the images themselves. Where the rule subtracts none it is not read.

    Returns:
        (n, dimension) float32, and which rows are lost: those that equal the mean but for rounding.

    Raises:
        LakeError: there is no fitted transfer, or it is damaged.
        TransferError: a row is not fit for use, or a mean is to be taken of fewer than 2.
    """
    return fitted_transfer(source).method.image_rule().carry(images, reference)
