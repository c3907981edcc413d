"""Gaussian noise that belongs to a row: the same wherever the row stands, in whatever shard or chunk."""

import hashlib
from collections.abc import Sequence

import numpy as np

from unicorn_assets.transfer.rows import Doubles


def noise(ids: Sequence[str], dimension: int, seed: int) -> Doubles:
    """Standard normal numbers, (len(ids), dimension), each row from its id and `seed` alone.

    A row has a Philox stream of its own (Salmon et al., 2011), keyed with 128 bits of BLAKE2b of seed and id.
    """
    drawn = np.empty((len(ids), dimension))
    for row, name in zip(drawn, ids, strict=True):
        key = hashlib.blake2b(f"noise\x00{seed}\x00{name}".encode(), digest_size=16).digest()
        np.random.Generator(np.random.Philox(key=int.from_bytes(key, "big"))).standard_normal(out=row)
    return drawn
