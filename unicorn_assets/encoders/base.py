"""The contract between a stage and whatever embeds its texts."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Embeds texts. Implementations are closed by whoever opened them."""

    @property
    def name(self) -> str:
        """Name or path of the model, as configured."""

    @property
    def revision(self) -> str:
        """Revision of the model, as configured; empty where none was asked for."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads, special tokens included; what is beyond is cut."""

    def identity(self) -> dict[str, str | int]:
        """Everything that decides the vectors' bytes, for a fingerprint."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text before any cut, special tokens included."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the texts in the order given, (n, dimension); the same list gives the same bytes.

        Raises:
            EncoderError: a vector is not finite or zero; names the text's position.
        """

    def close(self) -> None:
        """Frees what the encoder holds."""
