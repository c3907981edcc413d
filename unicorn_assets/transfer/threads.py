"""Work on the batches of a stream in threads, results in its order. NumPy lets the interpreter go meanwhile."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

WORKERS = min(4, os.cpu_count() or 1)
"""More would wait for the memory."""

IN_THE_AIR = 2 * WORKERS
"""Items at work or waiting to be taken, so that nobody is idle while the caller writes one away."""

BLOCK_ROWS = 256
"""Rows that are worked on at once: their float64 numbers stay in a core's cache."""


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results of `work`, in the order of the items; at most IN_THE_AIR + 1 of them are in the air.

    Whatever `work` or the items raise is raised here, once what is in the air has ended.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > IN_THE_AIR:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def blocks(rows: int) -> Iterator[slice]:
    """Slices of BLOCK_ROWS that cover so many rows."""
    return (slice(start, min(start + BLOCK_ROWS, rows)) for start in range(0, rows, BLOCK_ROWS))
