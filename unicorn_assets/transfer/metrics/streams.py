"""Embeddings as they are handed over, an array or chunks, cut so that what belongs together comes together."""

from collections.abc import Iterable, Iterator

import numpy as np

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.base import Rows

Source = Rows | Iterable[Rows]
"""Embeddings (n, dimension), whole or as chunks of them."""

BLOCK_ROWS = 4096
"""Rows that are measured at once."""


def chunks(source: Source) -> Iterator[Rows]:
    """The embeddings, at most BLOCK_ROWS at a time; empty chunks are left out."""
    for part in [source] if isinstance(source, np.ndarray) else source:
        for start in range(0, len(part), BLOCK_ROWS):
            yield part[start : start + BLOCK_ROWS]


def together(*sources: Source) -> Iterator[tuple[Rows, ...]]:
    """Chunks of equal length, whatever the lengths that the sources come in.

    Raises:
        TransferError: one ends before another.
    """
    streams = [chunks(source) for source in sources]
    held = [next(stream, None) for stream in streams]
    row = 0
    while parts := [part for part in held if part is not None]:
        if len(parts) < len(held):
            raise TransferError(
                f"One set of embeddings ends after {row} rows, another goes on.",
                "give the same rows before and after the transfer, without those it lost; with pairs, an image a text.",
            )
        step = min(len(part) for part in parts)
        yield tuple(part[:step] for part in parts)
        row += step
        held = [
            part[step:] if len(part) > step else next(stream, None) for part, stream in zip(parts, streams, strict=True)
        ]
