"""Train and validation: which side a sample stands on, and where each side's files stand.

The draw is by the sample's id alone, which is a hash of its seed: whatever is made of one seed, in any table, shard or
later version, stays on one side, and a larger share only moves rows over to validation.
"""

from typing import Literal

from unicorn_assets.identity import draw

Split = Literal["train", "validation"]

SPLITS: tuple[Split, ...] = ("train", "validation")


def split_of(sample: str, share: float) -> Split:
    """The side that a sample stands on.

    Args:
        sample: its id.
        share: share of the seeds that is held out, 0 to 1.
    """
    return "validation" if share > 0 and draw(sample, "validation") < share else "train"


def splits(share: float) -> tuple[Split, ...]:
    """The sides that a release has: no validation where nothing is held out."""
    return SPLITS if share > 0 else SPLITS[:1]


def named(split: Split, name: str) -> str:
    """A table's or folder's name on a side: `pretrain`, or `validation/pretrain`.

    Train has no folder of its own, so that `pretrain/*.parquet` never holds what is held out.
    """
    return name if split == "train" else f"{split}/{name}"
