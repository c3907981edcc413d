"""The image towers of sentence-transformers models: pictures in, vectors out."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from unicorn_assets.encoders import weights
from unicorn_assets.encoders.base import Vectors
from unicorn_assets.encoders.sentence import libraries, load, no_progress_bars
from unicorn_assets.errors import EncoderError

if TYPE_CHECKING:
    from PIL.Image import Image
    from sentence_transformers import SentenceTransformer

BATCH = 32
"""Images encoded at once; a part of what decides the last bits, as padding is for texts."""


class ImageEncoder(Protocol):
    """Embeds images. Implementations are closed by whoever opened them."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def identity(self) -> dict[str, str | int]:
        """Everything that decides the vectors' bytes, for a fingerprint."""

    def encode(self, images: "Sequence[Image]") -> Vectors:
        """Vectors of RGB images, (n, dimension), not normalised: one may be zero or not finite.

        Raises:
            Exception: whatever the model says of an image that it cannot take.
        """

    def close(self) -> None:
        """Frees what the encoder holds."""


class SentenceImageEncoder:
    """The image tower of a sentence-transformers model in float32, on the CPU, or on CUDA where torch finds it.

    Nothing is loaded before it is needed: `identity` reads the files alone and imports no torch.

    Args:
        model: a folder, or a name on the Hugging Face hub.
        revision: of the model; empty for its newest.
    """

    def __init__(self, model: str, revision: str = "") -> None:
        self.name, self.revision = model, revision

    def identity(self) -> dict[str, str | int]:
        """What decides the vectors' bytes. The hash covers weights and the preparation of the images.

        Raises:
            EncoderError: the model's files are missing or not the expected ones.
        """
        mine: dict[str, str | int] = {"model": self.name, "revision": self.revision, "files": self._files[1]}
        return mine | {"batch_size": BATCH, "dtype": "float32"} | libraries()

    @property
    def dimension(self) -> int:
        """Length of a vector.

        Raises:
            EncoderError: the model cannot be loaded, or reads no images.
        """
        return self._loaded[1]

    def encode(self, images: "Sequence[Image]") -> Vectors:
        """Vectors of RGB images, (n, dimension) float32, not normalised; batches are cut in the order given.

        Raises:
            Exception: whatever the model says of an image that it cannot take.
        """
        if not images:
            return np.empty((0, self.dimension), np.float32)
        vectors: Any = self._loaded[0].encode(list(images), batch_size=BATCH, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    def close(self) -> None:
        """Frees the model; the next use loads it again."""
        self.__dict__.pop("_loaded", None)

    @cached_property
    def _files(self) -> tuple[Path, str]:
        folder = weights.locate(self.name, self.revision)
        return folder, weights.content_hash(self.name, folder)

    @cached_property
    def _loaded(self) -> "tuple[SentenceTransformer, int]":
        """The model, and the length of what it makes of an image."""
        from PIL import Image

        folder, _ = self._files
        try:
            with no_progress_bars():
                model = load(folder)
            reads = model.supports("image")
            sample = model.encode([Image.new("RGB", (8, 8))], show_progress_bar=False) if reads else None
        except Exception as error:  # foreign files can fail the loader in any way
            reason = (str(error).splitlines() or [""])[0]
            raise EncoderError(
                f"The image encoder {self.name} in {folder} cannot be loaded: {type(error).__name__}: {reason}",
                "check that it is a whole sentence-transformers model with .safetensors weights.",
            ) from error
        if sample is None:
            raise EncoderError(
                f"The model {self.name} in {folder} reads no images, only {', '.join(map(str, model.modalities))}.",
                "name a model with an image tower, the one that belongs to the text encoder.",
            )
        return model, int(sample.shape[1])
