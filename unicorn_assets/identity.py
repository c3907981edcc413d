"""Who a sample is: its id, its shard, and the draws that follow from its id alone.

Nothing here may change: an id outlives every recipe.
"""

import hashlib

ID_LENGTH = 20
"""Hexadecimal digits of an id: 80 bits, so that ten million seeds collide with a chance of about 4e-11."""


def sample_id(seed: str, variant: int = 0) -> str:
    """Id of a cleaned seed, the same through all stages. `variant` counts several expansions of one seed."""
    text = seed if variant == 0 else f"{seed}\x00{variant}"
    return hashlib.blake2b(text.encode("utf-8"), digest_size=ID_LENGTH // 2).hexdigest()


def shard_number(sample: str, shards: int) -> int:
    """Number of the shard that a sample belongs to, 0 <= number < shards."""
    return int(sample[:16], 16) % shards


def shard_name(number: int) -> str:
    """Name of a shard: `shard-0000` and on."""
    return f"shard-{number:04d}"


def shard_names(shards: int) -> list[str]:
    """Names of all shards, in order."""
    return [shard_name(number) for number in range(shards)]


def draw(sample: str, purpose: str) -> float:
    """A uniform number, 0 <= number < 1, that depends on the sample and the purpose of the draw alone."""
    return row_seed(sample, purpose) / 2**63


def row_seed(sample: str, purpose: str) -> int:
    """A seed of 63 bits that depends on the sample and the purpose alone, so that neighbours change nothing."""
    digest = hashlib.blake2b(f"{purpose}\x00{sample}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
