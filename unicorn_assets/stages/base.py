"""What a stage is: its inputs, what decides its rows, what it does to a shard, and what must hold afterwards."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from unicorn_assets.identity import shard_names
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.shards import read_rows, with_fingerprint
from unicorn_assets.lake.sidecar import Severity, Sidecar
from unicorn_assets.progress import Progress, silent
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.tools import Tools


@dataclass(frozen=True)
class Work:
    """One shard of one stage, about to be made.

    Args:
        tools: home, recipe, engine, encoder.
        stage: the stage's name.
        shard: the shard's name.
        inputs: the sidecars of the stages above, by name; of an unpartitioned stage above, its one sidecar.
        fingerprint: what the rows will carry.
        progress: told how far the work is.
    """

    tools: Tools
    stage: str
    shard: str
    inputs: Mapping[str, Sidecar]
    fingerprint: str
    progress: Progress = silent

    @property
    def recipe(self) -> Recipe:
        """The recipe that decides."""
        return self.tools.recipe

    @property
    def lake(self) -> Lake:
        """The lake that is read."""
        return self.tools.home.lake

    def rows(self, stage: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Rows of this shard in a stage above, in the order of their ids, streamed."""
        return read_rows(self.lake.rows(stage, self.shard), columns)


@dataclass(frozen=True)
class Made:
    """What a stage's body did: what became of its rows, and what is worth showing."""

    rows_in: int
    rows_out: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    not_selected: Mapping[str, int] = field(default_factory=dict)
    produced: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """A body's work before it is published, as the checks see it."""

    work: Work
    stage: "Stage"
    drafts: Drafts
    made: Made


@dataclass(frozen=True)
class Finding:
    """What a check found, with the figures behind it; its severity where the recipe settles that."""

    passed: bool
    figures: Mapping[str, Any] = field(default_factory=dict)
    severity: Severity | None = None


@dataclass(frozen=True)
class CheckSpec:
    """A rule that must hold for a shard. A blocking one stops the stages below."""

    name: str
    description: str
    look: Callable[[Finished], Finding]
    blocking: bool = True
    severity: Severity = "ERROR"


@dataclass(frozen=True)
class Stage:
    """One asset's work.

    Args:
        name: name of the stage and of its asset.
        version: bumped by hand when the code's output changes; golden tests tell when that is due.
        inputs: stages above.
        fields: what else decides the rows: recipe fields, versions, identities, as JSON values.
        body: makes the shard's files as drafts.
        schema: columns of the rows, without `fingerprint`; None where the stage has no rows of its own.
        checks: what must hold.
        sharded: whether it has a partition per shard.
        lane: where it wants to run.
        timeout_seconds: without a sign of progress for so long it hangs.
        frozen: whether what stands is kept when the inputs change, until it is made again on request.
        intact: what is wrong with output outside the lake, None if nothing.
        figures: those metrics that say what its rows are like, read back from its files by kind. A stage has it whose
            rows are too dear to be made again for another number of shards: they are moved. What it set aside stands
            sorted by outcome and id then.
    """

    name: str
    version: int
    inputs: tuple[str, ...]
    fields: Callable[[Tools], dict[str, Any]]
    body: Callable[[Work, Drafts], Made]
    schema: pa.Schema | None
    checks: tuple[CheckSpec, ...]
    sharded: bool = True
    lane: Literal["cpu", "gpu"] = "cpu"
    timeout_seconds: float = 1800.0
    frozen: bool = False
    intact: Callable[[Tools, Sidecar], str | None] = lambda tools, sidecar: None
    figures: Callable[[Mapping[str, Path]], dict[str, Any]] | None = None

    @property
    def columns(self) -> pa.Schema:
        """Columns of the rows, without `fingerprint`.

        Raises:
            TypeError: the stage has no rows of its own.
        """
        if self.schema is None:
            raise TypeError(f"{self.name} has no rows of its own")
        return self.schema

    @property
    def written(self) -> pa.Schema:
        """Columns of the rows as they stand in the file."""
        return with_fingerprint(self.columns)

    def shards(self, recipe: Recipe) -> list[str]:
        """Names of the stage's shards."""
        return shard_names(recipe.shards) if self.sharded else [ALL]
