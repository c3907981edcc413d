"""What a materialization shows: counts, rejects by reason, sample rows, throughput, columns."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg

from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.shards import open_parquet, read_rows
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.stages.runner import Outcome

SAMPLE_ROWS = 5
CELL_CHARACTERS = 160


def metadata(lake: Lake, outcome: Outcome) -> dict[str, Any]:
    """The metadata of one materialization."""
    sidecar = outcome.sidecar
    shown: dict[str, Any] = {
        "dagster/row_count": sidecar.rows_out,
        "rows_in": sidecar.rows_in,
        "rejected": sum(sidecar.rejected.values()),
        "not_selected": sum(sidecar.not_selected.values()),
        "fingerprint": sidecar.fingerprint,
        "seconds": sidecar.run.seconds,
        "made_now": not outcome.reused,
    }
    if sidecar.run.seconds > 0:
        shown["rows_per_second"] = round(sidecar.rows_in / sidecar.run.seconds, 1)
    reasons = [("rejected", sidecar.rejected), ("not selected", sidecar.not_selected)]
    records = [
        dg.TableRecord({"outcome": outcome, "reason": reason, "rows": rows})
        for outcome, counts in reasons
        for reason, rows in counts.items()
    ]
    if records:
        columns = [dg.TableColumn("outcome"), dg.TableColumn("reason"), dg.TableColumn("rows", "int")]
        shown["set_aside"] = dg.MetadataValue.table(records, dg.TableSchema(columns))
    if outcome.note:
        shown["note"] = outcome.note
    shown |= _rows(lake, sidecar) | _metrics(sidecar.metrics)
    return shown


def _rows(lake: Lake, sidecar: Sidecar) -> dict[str, Any]:
    if "rows" not in sidecar.files:
        return {}
    path = lake.rows(sidecar.stage, sidecar.shard)
    with open_parquet(path) as parquet:
        schema = parquet.schema_arrow
    columns = [dg.TableColumn(field.name, str(field.type)) for field in schema]
    shown: dict[str, Any] = {"dagster/column_schema": dg.TableSchema(columns), "path": dg.MetadataValue.path(str(path))}
    rows = read_rows(path)
    records = [_record(row) for row, _ in zip(rows, range(SAMPLE_ROWS), strict=False)]
    if records:
        names = list(records[0].data)
        shown["sample_rows"] = dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn(name) for name in names]))
    return shown


def _record(row: Mapping[str, Any]) -> dg.TableRecord:
    return dg.TableRecord({name: _cell(value) for name, value in row.items() if name != "fingerprint"})


def _cell(value: Any) -> str | int | float | bool:
    if isinstance(value, str | int | float | bool):
        text: str | int | float | bool = value
    else:
        text = "" if value is None else json.dumps(value, ensure_ascii=False)
    if isinstance(text, str) and len(text) > CELL_CHARACTERS:
        return text[:CELL_CHARACTERS] + " …"
    return text


def _metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if isinstance(value, str | int | float | bool) else dg.MetadataValue.json(value)
        for name, value in metrics.items()
    }
