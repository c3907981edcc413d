"""The rows of one stage dealt out over another number of shards, vectors and all: moved as they are, not made again.

Rows are sorted on the disk and written as their stage would have written them, so that the bytes are those of a lake
that had this number of shards from the start.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets.errors import LakeError
from unicorn_assets.identity import shard_number
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.files import sha256
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import BATCH_ROWS, SET_ASIDE, open_parquet, readable, write_rows
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.sorting import insert, ordered, row_groups, workbench
from unicorn_assets.lake.vectors import VectorRows, VectorWriter, vector_batches
from unicorn_assets.stages.base import Stage, Work
from unicorn_assets.stages.sharing import MOVED, SPENT

KINDS = {"rows", "set_aside", "vectors"}
"""Files that hold rows or stand by them."""
_PLACE, _SOURCE, _AT = (pa.field(name, pa.int64()) for name in ("_place", "_source", "_at"))
_ROW_ORDER = ("_place", "id")
_ASIDE_ORDER = ("_place", "outcome", "id", "reason")
"""A stage skips before it asks, so what was not selected stands before what was rejected."""


def whole(lake: Lake, made: Sidecar) -> Sidecar:
    """The sidecar of a shard about to be moved, once its files are found to hold what was written.

    Raises:
        LakeError: they do not; names the file.
    """
    for data in made.files.values():
        path = lake.root / made.stage / data.name
        if not path.is_file() or sha256(path) != data.sha256:
            raise LakeError(
                f"{path} does not have the content that its sidecar describes.",
                f"delete {lake.sidecar_path(made.stage, made.shard).name} beside it and `unicorn run`, which makes the "
                "shard again; then reshard.",
            )
    return made


def movable(stage: Stage, lake: Lake, made: Sequence[Sidecar]) -> bool:
    """Whether the rows of these shards, one at least, can be moved so that their sidecars say all that they did.

    What a stage of the gpu lane says beside its figures are limits that hold for all shards, as that of the encoder.
    """
    if stage.figures is None or any(one.produced or not one.files.keys() <= KINDS for one in made):
        return False
    files = {kind: lake.root / stage.name / data.name for kind, data in made[0].files.items()}
    told = stage.figures(files)
    return stage.lane == "gpu" or all(one.metrics.keys() <= {*SPENT, MOVED, *told} for one in made)


def places(ids: Sequence[str], shards: int) -> NDArray[np.int64]:
    """The number of the shard of each id, (n,), where there are so many shards."""
    return np.fromiter((shard_number(one, shards) for one in ids), np.int64, len(ids))


def record_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file of the lake, as they stand.

    Raises:
        LakeError: it is missing, cut short or not Parquet.
    """
    with open_parquet(path) as parquet, readable(path):
        yield from parquet.iter_batches(BATCH_ROWS)


class Mover:
    """The rows of a stage, out of their old shards and on their way to new ones. Closing removes its scratch files.

    Args:
        stage: the stage; it has `figures`.
        lake: where the old shards stand.
        made: their sidecars, by number.
        shards: how many new shards there are.
        scratch: a folder for what does not fit into memory, which is there.

    Raises:
        LakeError: a file is damaged, or the disk is full.
    """

    def __init__(self, stage: Stage, lake: Lake, made: Mapping[int, Sidecar], shards: int, scratch: Path) -> None:
        self._stage, self._lake, self._shards = stage, lake, shards
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(dir=scratch)))
            rows = self._bench(stack, folder / "rows", stage.columns)
            aside = self._bench(stack, folder / "aside", SET_ASIDE)
            for number, one in made.items():
                self._read(number, whole(lake, one), rows, aside)
            vectors = {
                number: lake.vectors(stage.name, one.shard) for number, one in made.items() if "vectors" in one.files
            }
            self._vectors = VectorRows(vectors) if vectors else None
            self._rows = _Cursor(ordered(rows, "moved", _placed(stage.columns), _ROW_ORDER))
            self._aside = _Cursor(ordered(aside, "moved", _placed(SET_ASIDE), _ASIDE_ORDER))
            self._stack = stack.pop_all()

    def _bench(self, stack: ExitStack, folder: Path, schema: pa.Schema) -> duckdb.DuckDBPyConnection:
        folder.mkdir()
        connection = stack.enter_context(workbench(folder))
        insert(connection, "moved", _placed(schema).empty_table())
        return connection

    def _read(
        self, number: int, made: Sidecar, rows: duckdb.DuckDBPyConnection, aside: duckdb.DuckDBPyConnection
    ) -> None:
        ids: list[str] = []
        for batch in record_batches(self._lake.rows(made.stage, made.shard)):
            ids += self._add(rows, batch, self._stage.columns, number, len(ids))
        for batch in record_batches(self._lake.set_aside(made.stage, made.shard)):
            self._add(aside, batch, SET_ASIDE, number, 0)
        if "vectors" in made.files:
            path = self._lake.vectors(made.stage, made.shard)
            if ids != [one for names, _ in vector_batches(path) for one in names.to_pylist()]:
                raise LakeError(f"{path} does not have the ids of the rows beside it.", "materialize its shard again.")

    def _add(
        self, bench: duckdb.DuckDBPyConnection, batch: pa.RecordBatch, schema: pa.Schema, number: int, start: int
    ) -> list[str]:
        ids: list[str] = batch["id"].to_pylist()
        where = (places(ids, self._shards), np.full(len(ids), number), np.arange(start, start + len(ids)))
        columns = [*(batch[name] for name in schema.names), *(pa.array(values, pa.int64()) for values in where)]
        insert(bench, "moved", pa.table(columns, schema=_placed(schema)))
        return ids

    def write(self, new: int, work: Work, drafts: Drafts) -> tuple[int, dict[str, Counter[str]]]:
        """Writes the drafts of a new shard. Shards come by rising number.

        Args:
            new: its number.
            work: its fingerprint.
            drafts: where the files are written.

        Returns:
            How many rows there are, and how many were set aside, by outcome and reason.
        """
        with ExitStack() as stack:
            writer = None
            if self._vectors is not None:
                path = drafts.add("vectors")
                writer = stack.enter_context(VectorWriter(path, self._vectors.dimension))
            kept = self._kept(self._rows.take(new), work.fingerprint, writer)
            count = write_rows(drafts.add("rows"), self._stage.written, kept)
        outcomes: dict[str, Counter[str]] = {"rejected": Counter(), "not_selected": Counter()}
        write_rows(drafts.add("set_aside"), SET_ASIDE, _counted(self._aside.take(new), outcomes))
        return count, outcomes

    def _kept(self, tables: Iterable[pa.Table], fingerprint: str, writer: VectorWriter | None) -> Iterator[pa.Table]:
        for table in tables:
            if writer is not None and self._vectors is not None:
                vectors = self._vectors.take(table["_source"].to_numpy(), table["_at"].to_numpy())
                writer.write(table["id"].to_pylist(), vectors)
            carried = pa.array([fingerprint] * table.num_rows, pa.string())
            yield table.append_column("fingerprint", carried)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _placed(schema: pa.Schema) -> pa.Schema:
    return pa.schema([*schema, _PLACE, _SOURCE, _AT])


def _counted(tables: Iterable[pa.Table], outcomes: dict[str, Counter[str]]) -> Iterator[pa.Table]:
    for table in tables:
        for outcome, reason in zip(table["outcome"].to_pylist(), table["reason"].to_pylist(), strict=True):
            outcomes[outcome][reason] += 1
        yield table


class _Cursor:
    """Rows sorted by place, handed out place by place in groups as they stand in a file."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._tables = row_groups(batches, BATCH_ROWS, by="_place")
        self._next: Any = next(self._tables, None)

    def take(self, place: int) -> Iterator[pa.Table]:
        """The rows of a place; those of places before it that nobody took are passed over."""
        while self._next is not None and (found := self._next["_place"][0].as_py()) <= place:
            if found == place:
                yield self._next
            self._next = next(self._tables, None)
