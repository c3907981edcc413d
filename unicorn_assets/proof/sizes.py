"""How large a miniature world is, and how long what lives in it is trained."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """One size of the world.

    Args:
        name: names the folder that it is kept in.
        pairs_an_epoch, tower_epochs: what the towers are trained on.
        captions: seeds that go into the pipeline.
        reference: images of each reference, which the transfers are fitted on.
        pairs: pairs that the paired map is fitted on.
        tests: images that questions are asked about.
        pretrain_epochs, instruction_epochs: how often the reader sees each.
    """

    name: str
    pairs_an_epoch: int
    tower_epochs: int
    captions: int
    reference: int
    pairs: int
    tests: int
    pretrain_epochs: float
    instruction_epochs: float

    def figures(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


SIZES = {
    size.name: size
    for size in (
        Size("standard", 16_000, 20, 12_000, 4_000, 4_000, 2_000, 2.0, 3.0),
        Size("small", 8_000, 12, 4_000, 2_000, 1_000, 400, 2.0, 3.0),
        Size("tiny", 256, 1, 300, 200, 200, 40, 1.0, 1.0),
    )
}
"""By name. `small` is what CI runs; `tiny` teaches nothing and is there to test the machinery."""
