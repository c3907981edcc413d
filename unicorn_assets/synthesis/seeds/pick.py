"""Which of all captions become seeds: one an image, one an id, as many a source as it draws. Out of core, in DuckDB.

What is picked depends on the captions, their images and the order of the sources, never on the order of the work.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from unicorn_assets.lake.sorting import batches, insert, workbench
from unicorn_assets.recipe import Source
from unicorn_assets.synthesis.seeds.buckets import SEEDS
from unicorn_assets.synthesis.seeds.rows import WITHDRAWN

_BATCH = 20_000

ROW_BITS = 40
"""A row's number is its source's place in the recipe, then its row in these bits: ordered as the sources are."""

SET_ASIDE = pa.schema(
    [
        ("id", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("file", pa.string()),
        ("row", pa.int64()),
        ("licence", pa.string()),
        ("origin", pa.string()),
    ]
)
"""Columns of the file of rows that give no seed."""

_SEEN = pa.schema(
    [
        ("number", pa.int64()),
        ("id", pa.string()),
        ("shard", pa.string()),
        ("seed", pa.string()),
        ("image_id", pa.string()),
        ("topic", pa.string()),
        ("draw", pa.int64()),
    ]
)
_ASIDE = pa.schema(
    [
        ("number", pa.int64()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("text", pa.string()),
        ("id", pa.string()),
    ]
)
_WITHDRAWN = pa.schema([("id", pa.string())])
_SOURCES = pa.schema(
    [
        ("place", pa.int64()),
        ("source", pa.string()),
        ("images", pa.string()),
        ("file", pa.string()),
        ("licence", pa.string()),
        ("origin", pa.string()),
        ("most", pa.int64()),
    ]
)

_PLACE = f"(number >> {ROW_BITS})"
_ROW = f"(number & {(1 << ROW_BITS) - 1})"

# A withdrawn seed keeps its place as its image's caption and among those drawn, so that nothing steps in for it: its
# withdrawal takes a row from one shard, gives none to another, and asks an engine for nothing.
_PICK = f"""
CREATE TABLE gone AS SELECT number FROM seen SEMI JOIN withdrawn USING (id);
CREATE TABLE images AS
    SELECT images, image_id, min(id) AS chosen FROM seen JOIN sources ON place = {_PLACE}
    WHERE image_id IS NOT NULL GROUP BY ALL;
CREATE TABLE others AS
    SELECT number, chosen FROM seen JOIN sources ON place = {_PLACE} JOIN images USING (images, image_id)
    WHERE id <> chosen;
CREATE TABLE firsts AS
    SELECT id, min(number) AS number FROM seen ANTI JOIN others USING (number) GROUP BY id;
CREATE TABLE undrawn AS
    SELECT number, most FROM (
        SELECT number, most, row_number() OVER (PARTITION BY place ORDER BY draw, seen.id) AS rank
        FROM firsts JOIN seen USING (number) JOIN sources ON place = {_PLACE} WHERE most IS NOT NULL
    ) WHERE rank > most;
CREATE TABLE picked AS
    SELECT number FROM firsts ANTI JOIN undrawn USING (number) ANTI JOIN gone USING (number);
CREATE TABLE verdicts AS
    SELECT number, 'not_selected' AS outcome, 'other_caption_of_image' AS reason,
        'the image keeps ' || chosen AS detail FROM others ANTI JOIN gone USING (number)
    UNION ALL
    SELECT number, 'not_selected', 'not_drawn', 'draw = ' || most FROM undrawn ANTI JOIN gone USING (number)
    UNION ALL
    SELECT number, 'rejected', '{WITHDRAWN}', 'the seed was withdrawn' FROM gone
    UNION ALL
    SELECT seen.number, 'rejected', 'duplicate',
        'first in ' || source || ', row ' || (firsts.number & {(1 << ROW_BITS) - 1})
    FROM seen ANTI JOIN others USING (number) ANTI JOIN gone USING (number) JOIN firsts USING (id)
        JOIN sources ON place = (firsts.number >> {ROW_BITS})
    WHERE seen.number <> firsts.number;
"""

_SEEDS = f"""
SELECT id, shard, seed, source, licence, origin, image_id, topic, file, {_ROW} AS row
FROM seen SEMI JOIN picked USING (number) JOIN sources ON place = {_PLACE} ORDER BY shard, id
"""

_SET_ASIDE = f"""
SELECT id, outcome, reason, detail, text, source, file, {_ROW} AS row, licence, origin FROM (
    SELECT number, id, outcome, reason, detail, text FROM aside
    UNION ALL
    SELECT number, id, outcome, reason, detail, CASE reason WHEN '{WITHDRAWN}' THEN '' ELSE substr(seed, 1, 500) END
    FROM verdicts JOIN seen USING (number)
) JOIN sources ON place = {_PLACE} ORDER BY number
"""

_COUNTS = f"""
SELECT source, outcome, reason, count(*) FROM (
    SELECT number, outcome, reason FROM verdicts
    UNION ALL SELECT number, outcome, reason FROM aside
    UNION ALL SELECT number, 'selected', '' FROM picked
) JOIN sources ON place = {_PLACE} GROUP BY ALL ORDER BY ALL
"""


class Pick:
    """All rows of the corpus on disk, and the queries that choose among them."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, sources: Sequence[Source], withdrawn: Collection[str]
    ) -> None:
        self._connection = connection
        self._waiting: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._schemas = {"seen": _SEEN, "aside": _ASIDE, "sources": _SOURCES, "withdrawn": _WITHDRAWN}
        for name, schema in self._schemas.items():
            insert(connection, name, schema.empty_table())
        for place, source in enumerate(sources):
            file = Path(source.path).name
            self._add("sources", (place, source.name, source.images, file, source.licence, source.origin, source.draw))
        for sample in withdrawn:
            self._add("withdrawn", (sample,))

    def add_seed(
        self, number: int, sample: str, shard: str, seed: str, image: str | None, topic: str | None, draw: int | None
    ) -> None:
        """Adds a caption that could be a seed."""
        self._add("seen", (number, sample, shard, seed, image, topic, draw))

    def add_aside(
        self, number: int, outcome: str, reason: str, detail: str, text: str, sample: str | None = None
    ) -> None:
        """Adds a row that cannot be a seed, with its id where it has one."""
        self._add("aside", (number, outcome, reason, detail, text, sample))

    def decide(self) -> list[tuple[str, str, str, int]]:
        """Picks the seeds once all rows are in: rows by source, outcome (`selected` too) and reason."""
        for name in self._schemas:
            self._flush(name)
        self._connection.execute(_PICK)
        return self._connection.execute(_COUNTS).fetchall()

    def seeds(self) -> Iterator[pa.RecordBatch]:
        """The seeds in batches of SEEDS, sorted by (shard, id)."""
        return batches(self._connection, _SEEDS, SEEDS)

    def set_aside(self) -> Iterator[pa.RecordBatch]:
        """All other rows in batches of SET_ASIDE, in the order of the sources and their rows."""
        return batches(self._connection, _SET_ASIDE, SET_ASIDE)

    def _add(self, name: str, values: tuple[Any, ...]) -> None:
        waiting = self._waiting[name]
        waiting.append(values)
        if len(waiting) >= _BATCH:
            self._flush(name)

    def _flush(self, name: str) -> None:
        waiting = self._waiting.pop(name, None)
        if waiting:
            schema = self._schemas[name]
            arrays = [
                pa.array(values, kind) for values, kind in zip(zip(*waiting, strict=True), schema.types, strict=True)
            ]
            insert(self._connection, name, pa.table(arrays, schema=schema))


@contextmanager
def pick(work: Path, sources: Sequence[Source], withdrawn: Collection[str] = ()) -> Iterator[Pick]:
    """A Pick whose data lie in the folder `work`.

    Args:
        work: the folder.
        sources: all sources, in order.
        withdrawn: ids of seeds that may not be picked.

    Raises:
        LakeError: DuckDB cannot do it, for want of disk or memory.
    """
    with workbench(work) as connection:
        yield Pick(connection, sources, withdrawn)
