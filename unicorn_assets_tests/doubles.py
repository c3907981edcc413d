"""Stand-ins for what is slow: an encoder that hashes. Never offered to users."""

import hashlib
from collections.abc import Sequence

import numpy as np

from unicorn_assets.encoders.base import Vectors


class HashEncoder:
    """Unit vectors that depend on the text alone, around a common mean as real ones do."""

    name, revision, max_tokens = "hash", "", 256

    def __init__(self, dimension: int = 32) -> None:
        self.dimension = dimension
        self.calls = 0

    def identity(self) -> dict[str, str | int]:
        return {"model": self.name, "dimension": self.dimension}

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.calls += 1
        rows = np.ones((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
            row += np.random.default_rng(seed).standard_normal(self.dimension).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def close(self) -> None:
        pass
