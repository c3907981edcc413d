"""MinHash (A. Broder, 1997) by rensa: the share of equal places of two texts estimates their Jaccard similarity."""

from array import array
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.curation.duplicates.shingles import Shingled

PERMUTATIONS = 128
SEED = 1

Matrix = NDArray[np.uint32]

_TEXTS = 512
"""Texts at a time: rensa gives lists of Python's numbers alone, which are quick only while they fit a core's cache."""


def algorithm() -> dict[str, object]:
    """What MinHashes can be compared by."""
    import rensa

    name = f"rensa {version('rensa')} RMinHash {rensa.RMinHash.ALGORITHM_VERSION}"
    return {"minhash": name, "permutations": PERMUTATIONS, "seed": SEED}


def minhash(found: Shingled) -> Matrix:
    """The MinHash of each text, (n, PERMUTATIONS)."""
    import rensa

    offsets, numbers = found.offsets.astype(np.uint64), array("I")
    for start in range(0, len(found.keys), _TEXTS):
        own = offsets[start : start + _TEXTS + 1]
        hashes = found.hashes[own[0] : own[-1]]
        made = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, own - own[0], PERMUTATIONS, SEED)
        for row in made.to_rows():
            numbers.fromlist(row)
    return np.frombuffer(numbers, np.uint32).reshape(-1, PERMUTATIONS)
