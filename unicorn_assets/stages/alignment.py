"""`modality_alignment`: the fitted transfer, frozen until a refit is asked for.

It stands upstream of the shards, so it draws its own calibration sample by hash from the seeds, and expands, curates
and embeds it through the same engine, encoder and answer store. The shards then find those answers paid for.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from unicorn_assets.curation import rules
from unicorn_assets.engines.base import Request
from unicorn_assets.errors import TransferError
from unicorn_assets.identity import draw
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.stages import checks
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.captions import curation_fields, expansion_fields, expansion_request
from unicorn_assets.stages.embeddings import encoder_fields, windows
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis.answers import InvalidAnswer, parse_expansion
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.gap import gap_figures
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.statistics import Moments

LEAST_SAMPLES = 2
"""A mean of fewer would be the text itself."""


def _fields(tools: Tools) -> dict[str, Any]:
    """The seeds are left out on purpose: new seeds do not move a transfer that is in use."""
    return {
        "alignment": tools.recipe.alignment.model_dump(),
        "expansion": expansion_fields(tools),
        **curation_fields(tools),
        **encoder_fields(tools),
    }


def _sample(work: Work) -> dict[str, list[tuple[str, str]]]:
    """The calibration sample by shard: (id, seed) sorted by id."""
    rows = read_rows(work.lake.rows("seed_sources", ALL), ["id", "seed", "shard"])
    smallest = heapq.nsmallest(
        work.recipe.alignment.sample,
        ((draw(row["id"], "calibration"), row["id"], row["seed"], row["shard"]) for row in rows),
    )
    by_shard: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for _, sample, seed, shard in smallest:
        by_shard[shard].append((sample, seed))
    return {shard: sorted(by_shard[shard]) for shard in sorted(by_shard)}


def _captions(
    work: Work, sample: dict[str, list[tuple[str, str]]], asked: Asked
) -> Iterator[tuple[str, str, str, str]]:
    """(id, shard, caption or raw text, why it is of no use or "") of the whole sample."""
    total = sum(len(rows) for rows in sample.values())
    for shard, rows in sample.items():

        def requests(rows: list[tuple[str, str]] = rows) -> Iterator[Request]:
            return (expansion_request(sample_id, seed, work.tools) for sample_id, seed in rows)

        for request, answer in answers(
            work.tools,
            "expanded_captions",
            shard,
            requests,
            asked=asked,
            total=total,
            progress=work.progress,
            complete=False,
        ):
            try:
                caption = parse_expansion(answer.text, answer.finish_reason)
            except InvalidAnswer as invalid:
                yield request.id, shard, answer.text, invalid.reason
                continue
            reasons = rules.judge(request.source["seed"], caption, work.recipe.curation)
            yield request.id, shard, caption, reasons[0].code if reasons else ""


def _fit(work: Work, drafts: Drafts) -> Made:
    sample = _sample(work)
    out = ShardWriter(drafts, MODALITY_ALIGNMENT.columns, work.fingerprint)
    asked = Asked()
    usable = []
    for sample_id, shard, text, reason in sorted(_captions(work, sample, asked)):
        if reason:
            out.reject(sample_id, reason, "not fit for calibration", text)
        else:
            usable.append({"id": sample_id, "shard": shard, "caption": text})
    encoder = work.tools.encoder
    vectors, moments = out.open_vectors(encoder.dimension), Moments(encoder.dimension)
    for window in windows(iter(usable)):
        embedded = encoder.encode([row["caption"] for row in window])
        vectors.write([row["id"] for row in window], embedded)
        moments.add(embedded)
        for row in window:
            out.row(id=row["id"], shard=row["shard"])
        work.progress(out.rows_out, len(usable))
    out.finish()
    if moments.count < LEAST_SAMPLES:
        raise TransferError(
            f"Only {moments.count} captions are fit for calibration; the mean shift needs {LEAST_SAMPLES}.",
            "add seeds, or look at the rejects of this asset for what is wrong with the captions.",
        )
    method = MeanShift.fit(moments, renormalise=work.recipe.alignment.renormalise)
    transfer = FittedTransfer(method, moments.count, {work.stage: work.fingerprint})
    transfer.save(drafts.add("transfer"))
    gap = gap_figures((chunk for _, chunk in iter_vectors(drafts.paths["vectors"])), method)
    metrics = asked.metrics(work.tools.settings.prices, out.rows_out)
    metrics |= {"transfer": transfer.version, "gap": asdict(gap)}
    rows_in = sum(len(rows) for rows in sample.values())
    return Made(rows_in, out.rows_out, out.rejected, produced={ALL: transfer.version}, metrics=metrics)


MODALITY_ALIGNMENT = Stage(
    name="modality_alignment",
    version=1,
    inputs=("seed_sources",),
    fields=_fields,
    body=_fit,
    schema=pa.schema([pa.field("id", pa.string()), pa.field("shard", pa.string())]),
    checks=(*checks.ROWS, checks.UNIT_VECTORS, checks.ENOUGH_SAMPLES),
    sharded=False,
    lane="gpu",
    timeout_seconds=7200.0,  # a server may take half an hour to start, and be down for a while
    frozen=True,
)
