"""Carrying a whole file of text embeddings over with a fitted transfer: the output is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.errors import TransferError
from unicorn_assets.lake.embedding_files import BATCH_ROWS, Batch, Embeddings, EmbeddingWriter, kind_of
from unicorn_assets.lake.files import TEMPORARY, explained, temporary
from unicorn_assets.transfer.base import Method
from unicorn_assets.transfer.fitting import Progress, naming
from unicorn_assets.transfer.threads import WORKERS, blocks, in_order


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What became of a file's rows.

    Args:
        rows: how many were written.
        lost: ids of those that were not, since nothing was left of them but rounding.
    """

    rows: int
    lost: list[str]


def carry(method: Method, texts: Embeddings, out: Path, dtype: np.dtype[Any] | None, progress: Progress) -> CarriedOver:
    """Writes the texts, carried over, to `out`, in their order.

    Args:
        method: the fitted method.
        texts: what to carry over.
        out: the file to write, .arrow or .parquet; one that is there is replaced at the end.
        dtype: float16 or float32; by default that of the texts.
        progress: told of the rows done.

    Raises:
        TransferError: the dimension is not the method's, or a row is not fit for use; names file and row.
        LakeError: the texts are damaged, or `out` cannot be written.
    """
    same_dimension(method, texts)
    kind, dtype = kind_of(out), np.dtype(texts.dtype if dtype is None else dtype)
    worker, lost = _Worker(method, texts.dimension, dtype), list[str]()
    with _whole(out) as draft, EmbeddingWriter(draft, kind, texts.dimension, dtype) as writer, naming(texts):
        done = 0
        for batch, vectors, gone in in_order(worker.carry, texts):
            names, kept = batch.names, vectors
            if gone.any():
                lost += names.filter(pa.array(gone)).to_pylist()
                names, kept = names.filter(pa.array(~gone)), vectors[~gone]
            writer.write(names, kept)
            worker.give_back(vectors)
            done += len(gone)
            progress("carried over", done, texts.rows)
    return CarriedOver(writer.count, lost)


def same_dimension(method: Method, side: Embeddings) -> None:
    """Refuses embeddings of another length than the method's.

    Raises:
        TransferError: they are; names the file.
    """
    if method.dimension != side.dimension:
        raise TransferError(
            f"{side.path} has {side.dimension} dimensions, the fitted transfer {method.dimension}.",
            "fit the transfer on the same encoder's embeddings.",
        )


class _Worker:
    """Carries batches over into buffers that are used again."""

    def __init__(self, method: Method, dimension: int, dtype: np.dtype[Any]) -> None:
        self._method = method
        self._buffers: SimpleQueue[NDArray[Any]] = SimpleQueue()
        for _ in range(WORKERS + 2):
            self._buffers.put(np.empty((BATCH_ROWS, dimension), dtype))

    def carry(self, batch: Batch) -> tuple[Batch, NDArray[Any], NDArray[np.bool_]]:
        """The batch, its vectors in a buffer that is to be given back, and which of them are lost."""
        rows, ids = len(batch.vectors), batch.ids()
        vectors, gone = self._buffers.get()[:rows], np.empty(rows, np.bool_)
        for block in blocks(rows):
            found = self._method.apply(batch.vectors[block], batch.first + block.start, ids[block])
            vectors[block], gone[block] = found
        return batch, vectors, gone

    def give_back(self, vectors: NDArray[Any]) -> None:
        """Lets another batch have the buffer."""
        whole = vectors if vectors.base is None else vectors.base
        self._buffers.put(np.asarray(whole))


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A draft beside `out` that takes its name when the block is through and is removed when it fails.

    Drafts that killed processes left there are removed first. A draft is not forced onto the disk, which takes longer
    than all the rest: after a power cut the command is run again.

    Raises:
        LakeError: it cannot be written.
    """
    draft = temporary(out)
    with explained(out):
        for leftover in out.parent.glob(f".{escape(out.name)}.*{TEMPORARY}"):
            if not _alive(leftover):
                leftover.unlink(missing_ok=True)
        try:
            yield draft
            draft.replace(out)
        finally:
            draft.unlink(missing_ok=True)


def _alive(draft: Path) -> bool:
    """Whether the process that writes a draft still runs."""
    number = draft.name.removesuffix(TEMPORARY).rpartition(".")[2]
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(number) != os.getpid()
