"""What a materialization shows: counts, rejects by reason, sample rows, lengths, diversity, throughput, files."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from unicorn_assets import settings
from unicorn_assets.curation.diversity import Diversity
from unicorn_assets.defs import columns, pictures, trace
from unicorn_assets.defs.values import bars, escaped, flat, numbers, sample, table
from unicorn_assets.home import Home
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.shards import first_rows, open_parquet
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.release import find
from unicorn_assets.stages import glossary
from unicorn_assets.stages.budget import standing
from unicorn_assets.stages.meters import DIVERSITY
from unicorn_assets.stages.portrait import portrait
from unicorn_assets.stages.runner import Outcome

_PORTRAYED = frozenset(
    f"{DIVERSITY}/{name}"
    for name in ("texts", "words", "distinct_1", "distinct_2", "type_token_ratio", "opening_share")
)
"""Meters that the portrait shows under names of their own, for stages that have no meters, too."""


def metadata(home: Home, outcome: Outcome) -> dict[str, Any]:
    """The metadata of one materialization, what people look for first in front."""
    sidecar = outcome.sidecar
    return {
        **_counts(sidecar),
        **_safely("portrait", lambda: _portrait(home.lake, sidecar)),
        **_safely("trace", lambda: _trace(home, sidecar)),
        **_throughput(outcome),
        **_metrics(sidecar.metrics),
        **_safely("budget", lambda: _budget(home, sidecar)),
        **_safely("gap_report", lambda: pictures.gap(sidecar)),
        **_safely("card" if sidecar.stage == "release" else "picture", lambda: pictures.special(home, sidecar)),
        **_safely("files", lambda: _files(home.lake, sidecar)),
        **_safely("columns", lambda: _columns(home.lake, sidecar)),
        "fingerprint": sidecar.fingerprint,
        **({"note": outcome.note} if outcome.note else {}),
    }


def brief(sidecar: Sidecar) -> dict[str, Any]:
    """The figures that the sidecar holds, without reading a row: for many shards at once."""
    return {**_counts(sidecar), **_metrics(sidecar.metrics), "fingerprint": sidecar.fingerprint, "made_now": False}


def _safely(name: str, show: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `show` gives. The shard stands by now, so what cannot be shown never fails its step."""
    try:
        return show()
    except Exception as error:
        return {f"{name}_missing": f"{type(error).__name__}: {error}"}


def _counts(sidecar: Sidecar) -> dict[str, Any]:
    rejected, left = sum(sidecar.rejected.values()), sum(sidecar.not_selected.values())
    shown: dict[str, Any] = {
        "dagster/row_count" if sidecar.shard == ALL else "dagster/partition_row_count": sidecar.rows_out,
        "rows_in": sidecar.rows_in,
        "rejected": rejected,
        "not_selected": left,
    }
    if sidecar.rows_in:
        shown["rejected_share"] = round(rejected / sidecar.rows_in, 4)
    reasons = {"rejected": sidecar.rejected, "not selected": sidecar.not_selected}
    rows = [
        {"outcome": outcome, "reason": reason, "rows": rows, "share of rows in": f"{rows / sidecar.rows_in:.1%}"}
        for outcome, counts in reasons.items()
        for reason, rows in sorted(counts.items(), key=lambda item: -item[1])
    ]
    return shown | ({"set_aside": table(rows)} if rows else {})


def _trace(home: Home, sidecar: Sidecar) -> dict[str, Any]:
    """How to see the story of a row of this shard, or of a row of this release: by a command, or by a job here."""
    if sidecar.stage == "release":
        folder = home.path / sidecar.metrics["folder"]
        of, sample = (
            f"--release {sidecar.metrics['version']} --table pretrain --row 0",
            find.sample_at(folder, "pretrain", 0),
        )
    else:
        rows = first_rows(home.lake.rows(sidecar.stage, sidecar.shard), 1, ["id"]) if "rows" in sidecar.files else []
        if not rows or sidecar.stage == "image_reference":
            return {}
        of = sample = rows[0]["id"]
    command = f"`unicorn trace {of} --home {shlex.quote(str(home.path))}`"
    return {"trace": dg.MetadataValue.md(f"{command} or [the job {trace.NAME}]({trace.launchpad(sample)})")}


def _portrait(lake: Lake, sidecar: Sidecar) -> dict[str, Any]:
    found = portrait(lake, sidecar)
    shown: dict[str, Any] = {}
    rows = [{name: value for name, value in row.items() if name != "fingerprint"} for row in found.rows]
    if found.vectors is not None:
        rows = [row | {"embedding": numbers(vector)} for row, vector in zip(rows, found.vectors, strict=True)]
    if rows:
        shown["sample_rows"] = sample(rows)
    if found.lengths is not None:
        shown["lengths"] = bars(found.lengths.unit, found.lengths.rows, found.lengths.bins)
        shown["length_mean"] = round(found.lengths.mean, 1)
    if found.diversity is not None:
        shown |= _diversity(found.diversity, found.texts)
    return shown


def _diversity(found: Diversity, texts: str) -> dict[str, Any]:
    lines = [f"- {one.share:.1%} {escaped(one.words)} …" for one in found.openings]
    looked = f"The most common beginnings of {found.texts:,} {texts} ({found.words:,} words)"
    return {
        "distinct_1": round(found.distinct_1, 4),
        "distinct_2": round(found.distinct_2, 4),
        "type_token_ratio": round(found.type_token_ratio, 4),
        "common_opening_share": round(found.openings[0].share, 4),
        "openings": dg.MetadataValue.md("\n".join([f"{looked}:", "", *lines])),
    }


def _throughput(outcome: Outcome) -> dict[str, Any]:
    sidecar = outcome.sidecar
    shown: dict[str, Any] = {"seconds": sidecar.run.seconds, "made_now": not outcome.reused}
    if sidecar.run.seconds > 0:
        shown["rows_per_second"] = round(sidecar.rows_in / sidecar.run.seconds, 1)
        if written := sidecar.metrics.get("completion_tokens"):
            shown["tokens_per_second"] = round(written / sidecar.run.seconds, 1)
    return shown


def _metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    shown = flat({name: value for name, value in metrics.items() if name not in pictures.OWN_METRICS})
    shown = {name: value for name, value in shown.items() if name not in _PORTRAYED}
    log = metrics.get("engine_log")
    return shown | ({"engine_log": dg.MetadataValue.path(log)} if log else {})


def _budget(home: Home, sidecar: Sidecar) -> dict[str, Any]:
    """What was spent in the whole HOME so far, at the assets that ask."""
    if not sidecar.metrics.get("prompt_tokens"):
        return {}
    shares = standing(home, settings.load(home.path)).shares
    return {"spent_of_budget": ", ".join(shares)} if shares else {}


def _columns(lake: Lake, sidecar: Sidecar) -> dict[str, Any]:
    if "rows" not in sidecar.files:
        return {}
    with open_parquet(lake.rows(sidecar.stage, sidecar.shard)) as parquet:
        found = parquet.schema_arrow
    if "vectors" in sidecar.files:
        found = found.append(glossary.EMBEDDING)
    return {columns.KEY: columns.described(found)}


def _files(lake: Lake, sidecar: Sidecar) -> dict[str, Any]:
    """One absolute path, to be copied, and names for the rest: the UI does not wrap paths, and cuts what is beside."""
    if not sidecar.files:
        return {}
    where = lake.sidecar_path(sidecar.stage, sidecar.shard)
    rows = [{"file": kind, "name": data.name, "bytes": f"{data.bytes:,}"} for kind, data in sidecar.files.items()]
    rows.append({"file": "sidecar", "name": where.name, "bytes": f"{where.stat().st_size:,}"})
    return {"folder": dg.MetadataValue.path(str(where.parent)), "files": table(rows)}
