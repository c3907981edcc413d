"""The progress display of a run: bars on a terminal, a line a shard elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from unicorn_assets.stages.tools import Tools


class Display:
    """Shows how far a run is. While it is open, the tools' listener is its own.

    Args:
        console: where to show it.
        tools: the tools that the run works with.
    """

    def __init__(self, console: Console, tools: Tools) -> None:
        self._console, self._tools = console, tools
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._shards: TaskID | None = None
        self._step: TaskID | None = None
        self._where = ""
        self._started = time.monotonic()
        self._done = 0

    def plan(self, shards: int) -> None:
        """Says how many shards there will be."""
        self._shards = self._bars.add_task("shards", total=shards)
        self._step = self._bars.add_task("", total=None)

    def shard_done(self, shard: str) -> None:
        """A shard has gone through the whole chain."""
        self._done += 1
        if self._shards is None:
            return
        self._bars.advance(self._shards)
        if not self._console.is_terminal:
            total = self._bars.tasks[0].total or 0
            seconds = time.monotonic() - self._started
            self._console.print(f"{shard} done, {self._done} of {total:.0f}, {seconds:.0f} s", markup=False)

    def _listen(self, stage: str, shard: str, done: int, total: int | None) -> None:
        if self._step is None:
            return
        where = f"{stage} [{shard}]"
        if where != self._where:
            self._where = where
            self._bars.reset(self._step, description=where.replace("[", "\\["), total=total)
        self._bars.update(self._step, completed=done, total=total)

    def __enter__(self) -> Self:
        self._tools.listener = self._listen
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tools.listener = None
        if self._console.is_terminal:
            self._bars.stop()
