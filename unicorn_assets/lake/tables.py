"""The tables of the catalog, and what stands in them of one shard. When that is written is the catalog's."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import open_parquet, readable
from unicorn_assets.lake.sidecar import Sidecar

Shard = tuple[str, str]

TABLES = """
CREATE TABLE materializations (
    stage VARCHAR, shard VARCHAR, fingerprint VARCHAR, rows_in BIGINT, rows_out BIGINT, rejected BIGINT,
    not_selected BIGINT, run_id VARCHAR, started TIMESTAMPTZ, seconds DOUBLE, host VARCHAR, version VARCHAR,
    attempt INTEGER, fields JSON, inputs JSON, metrics JSON, PRIMARY KEY (stage, shard));
CREATE TABLE outcomes (stage VARCHAR, shard VARCHAR, outcome VARCHAR, reason VARCHAR, rows BIGINT);
CREATE TABLE rejections (
    stage VARCHAR, shard VARCHAR, id VARCHAR, reason VARCHAR, detail VARCHAR, text VARCHAR);
CREATE TABLE check_results (
    stage VARCHAR, shard VARCHAR, name VARCHAR, passed BOOLEAN, blocking BOOLEAN, severity VARCHAR,
    description VARCHAR, figures JSON, run_id VARCHAR);
CREATE TABLE files (
    stage VARCHAR, shard VARCHAR, kind VARCHAR, name VARCHAR, bytes BIGINT, sha256 VARCHAR);
CREATE VIEW costs AS
SELECT asked.stage, asked.shard, CAST(asked.metrics->>'$.requests' AS BIGINT) AS requests,
    CAST(asked.metrics->>'$.answers_reused' AS BIGINT) AS answers_reused,
    CAST(asked.metrics->>'$.prompt_tokens' AS BIGINT) AS prompt_tokens,
    CAST(asked.metrics->>'$.completion_tokens' AS BIGINT) AS completion_tokens,
    CAST(asked.metrics->>'$.device_seconds' AS DOUBLE) AS device_seconds,
    asked.metrics->>'$.cost.currency' AS currency,
    coalesce(CAST(asked.metrics->>'$.cost.money' AS DOUBLE), 0) AS money, kept.rows_out AS kept,
    money / nullif(kept.rows_out, 0) AS money_per_kept
FROM materializations AS asked LEFT JOIN materializations AS kept ON kept.shard = asked.shard AND kept.stage =
    CASE asked.stage WHEN 'expanded_captions' THEN 'curated_captions' ELSE asked.stage END
WHERE asked.metrics->>'$.requests' IS NOT NULL;
CREATE VIEW prompts AS
SELECT stage, shard, task, prompt_version, fields->>'$.engine.kind' AS engine, fields->>'$.engine.model' AS model,
    fields->>'$.engine.revision' AS revision, coalesce(fields->'$.sampling', fields->'$.dialogs.sampling') AS sampling
FROM (
    SELECT *, 'expansion' AS task, fields->>'$.prompt' AS prompt_version FROM materializations
    WHERE (fields->>'$.prompt') IS NOT NULL
    UNION ALL
    SELECT *, unnest(json_keys(fields->'$.prompts')) AS task,
        json_extract_string(fields, '$.prompts.' || task) AS prompt_version
    FROM materializations WHERE (fields->'$.prompts') IS NOT NULL
);
CREATE VIEW runs AS
SELECT run_id, min(started) AS started, any_value(host) AS host, any_value(version) AS version,
    count(DISTINCT stage) AS stages, count(DISTINCT shard) AS shards, sum(seconds) AS seconds, sum(rows_out) AS rows_out
FROM materializations GROUP BY run_id;
"""
VERSION = digest(TABLES)
SHARD_TABLES = ("materializations", "outcomes", "rejections", "check_results", "files")


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the tables in an empty catalog, with a note of their version."""
    connection.execute(TABLES)
    connection.execute(f"COMMENT ON TABLE materializations IS '{VERSION}'")


def current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a catalog has the tables of this version, and not those of another one or of something else."""
    noted = connection.execute("SELECT comment FROM duckdb_tables() WHERE table_name = 'materializations'").fetchall()
    return noted == [(VERSION,)]


def replace(connection: duckdb.DuckDBPyConnection, lake: Lake, shards: Sequence[Shard]) -> dict[Shard, int]:
    """Puts shards as they stand in the place of what the catalog has of them, in few statements for all of them.

    Args:
        connection: the catalog, in a transaction.
        lake: the lake.
        shards: stage and name of each, none twice.

    Returns:
        When the sidecar of each was written, in nanoseconds; -1 where none stands or it is damaged and so left out.
    """
    with _registered(connection, pa.table([*zip(*shards, strict=True)], names=["stage", "shard"])):
        for table in SHARD_TABLES:
            connection.execute(f"DELETE FROM {table} WHERE (stage, shard) IN (FROM incoming)")
    rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in SHARD_TABLES}
    written = {shard: _take_in(connection, lake, shard, rows) for shard in shards}
    for table, values in rows.items():
        if values:
            columns = [pa.array(column) for column in zip(*values, strict=True)]
            with _registered(connection, pa.table(columns, names=[str(place) for place in range(len(columns))])):
                connection.execute(f"INSERT INTO {table} FROM incoming")
    return written


def _take_in(
    connection: duckdb.DuckDBPyConnection, lake: Lake, key: Shard, rows: dict[str, list[tuple[object, ...]]]
) -> int:
    """Adds the rows of one shard to those of all, and its rejections, which can be many, to the catalog at once."""
    try:
        written = lake.sidecar_path(*key).stat().st_mtime_ns
        found = lake.sidecar(*key)
        if found is None or lake.damage(found):
            return -1
        for batch in _set_aside(lake, found):
            with _registered(connection, batch):
                connection.execute(
                    "INSERT INTO rejections SELECT ?, ?, id, reason, detail, text FROM incoming "
                    "WHERE outcome = 'rejected'",
                    key,
                )
    except (FileNotFoundError, LakeError):
        connection.execute("DELETE FROM rejections WHERE stage = ? AND shard = ?", key)
        return -1
    for table, row in _rows(found):
        rows[table].append((*key, *row))
    return written


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, incoming: pa.Table | pa.RecordBatch) -> Iterator[None]:
    connection.register("incoming", incoming)
    try:
        yield
    finally:
        connection.unregister("incoming")


def _rows(found: Sidecar) -> Iterator[tuple[str, tuple[object, ...]]]:
    """What a sidecar says, as rows of the tables, without stage and shard."""
    run, outcomes = found.run, {"rejected": found.rejected, "not_selected": found.not_selected}
    counts = (found.rows_in, found.rows_out, *(sum(reasons.values()) for reasons in outcomes.values()))
    who = (run.run_id, run.started, run.seconds, run.host, run.version, run.attempt)
    parts = (json.dumps(part, sort_keys=True) for part in (found.fields, found.inputs, found.metrics))
    yield "materializations", (found.fingerprint, *counts, *who, *parts)
    for outcome, reasons in outcomes.items():
        for reason, count in reasons.items():
            yield "outcomes", (outcome, reason, count)
    for check in found.checks:
        verdict = (check.name, check.passed, check.blocking, check.severity, check.description)
        yield "check_results", (*verdict, json.dumps(check.figures, sort_keys=True), run.run_id)
    for kind, data in found.files.items():
        yield "files", (kind, data.name, data.bytes, data.sha256)


def _set_aside(lake: Lake, found: Sidecar) -> Iterator[pa.RecordBatch]:
    """What was set aside, read by pyarrow: an error inside DuckDB would end the transaction of all shards."""
    if not found.rejected:
        return
    path = lake.set_aside(found.stage, found.shard)
    with open_parquet(path) as parquet, readable(path):
        yield from parquet.iter_batches(columns=["id", "outcome", "reason", "detail", "text"])
