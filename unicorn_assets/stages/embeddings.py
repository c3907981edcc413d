"""Stage 3 at a shard: `text_embeddings` encodes captions, `synthetic_image_embeddings` carries them over."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.lake.vectors import iter_vectors
from unicorn_assets.stages import checks, meters, transfer_checks
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.tools import Tools
from unicorn_assets.transfer.drift import drift
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.statistics import Moments
from unicorn_assets.transfer.threads import BLOCK_ROWS

WINDOW_ROWS = 2048
"""Captions encoded at a time: bounds the memory. Cut from the sorted shard, so that batches depend on it alone."""


def encoder_fields(tools: Tools) -> dict[str, Any]:
    """What decides an embedding beside its text."""
    return {"encoder": tools.encoder.identity()}


def windows(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in windows of WINDOW_ROWS."""
    while window := list(islice(rows, WINDOW_ROWS)):
        yield window


def _encode(work: Work, drafts: Drafts) -> Made:
    encoder = work.tools.encoder
    out = ShardWriter(drafts, TEXT_EMBEDDINGS.columns, work.fingerprint)
    vectors = out.open_vectors(encoder.dimension)
    rows_in, cut, tokens = work.inputs["curated_captions"].rows_out, 0, 0
    metered = dict[str, float]()
    for window in windows(work.rows("curated_captions", ["id", "caption"])):
        texts = [row["caption"] for row in window]
        counts = encoder.token_counts(texts)
        encoded = encoder.encode(texts)
        metered = metered or meters.vector_meters(encoded.astype(np.float16))  # as the lake holds them
        vectors.write([row["id"] for row in window], encoded)
        for row, count in zip(window, counts, strict=True):
            out.row(id=row["id"], tokens=count, cut=count > encoder.max_tokens)
            cut += count > encoder.max_tokens
            tokens += count
        work.progress(out.rows_out, rows_in)
    out.finish()
    metrics: dict[str, Any] = {"dimension": encoder.dimension, "token_limit": encoder.max_tokens, "rows_cut": cut}
    if rows_in:
        metrics["tokens_mean"] = round(tokens / rows_in, 1)
    metrics[meters.DIVERSITY] = metered
    return Made(rows_in, out.rows_out, metrics=metrics)


def _figures(paths: Mapping[str, Path]) -> dict[str, Any]:
    found = list(read_rows(paths["rows"], ["tokens", "cut"]))
    mean = {"tokens_mean": round(sum(row["tokens"] for row in found) / len(found), 1)} if found else {}
    _, vectors = next(iter_vectors(paths["vectors"], WINDOW_ROWS), ([], np.empty((0, 0))))
    return {"rows_cut": sum(row["cut"] for row in found), **mean, meters.DIVERSITY: meters.vector_meters(vectors)}


TEXT_EMBEDDINGS = Stage(
    name="text_embeddings",
    version=1,
    inputs=("curated_captions",),
    fields=encoder_fields,
    body=_encode,
    schema=pa.schema([pa.field("id", pa.string()), pa.field("tokens", pa.int32()), pa.field("cut", pa.bool_())]),
    checks=(*checks.ROWS, checks.UNIT_VECTORS, checks.NOTHING_CUT, *meters.CHECKS),
    lane="gpu",
    figures=_figures,
)


def _carry_over(work: Work, drafts: Drafts) -> Made:
    transfer = FittedTransfer.load(work.lake.transfer("modality_alignment", ALL))
    out = ShardWriter(drafts, SYNTHETIC_IMAGE_EMBEDDINGS.columns, work.fingerprint)
    vectors = out.open_vectors(transfer.method.dimension)
    rows_in, moments = work.inputs["text_embeddings"].rows_out, Moments(transfer.method.dimension)
    seen = 0
    for ids, texts in iter_vectors(work.lake.vectors("text_embeddings", work.shard), BLOCK_ROWS):
        moments.add(texts)
        images, lost = transfer.method.apply(texts, seen, ids)
        seen += len(ids)
        vectors.write([sample for sample, gone in zip(ids, lost, strict=True) if not gone], images[~lost])
        for sample, gone in zip(ids, lost, strict=True):
            if gone:
                out.reject(sample, "no_direction_left", "the embedding equals the mean of the texts but for rounding")
            else:
                out.row(id=sample)
        work.progress(seen, rows_in)
    out.finish()
    metrics: dict[str, Any] = {"dimension": transfer.method.dimension, "transfer": transfer.version}
    moved = drift(transfer, moments)
    if moved is not None:
        metrics["drift"] = moved.figures()
    return Made(rows_in, out.rows_out, out.rejected, metrics=metrics)


SYNTHETIC_IMAGE_EMBEDDINGS = Stage(
    name="synthetic_image_embeddings",
    version=1,
    inputs=("text_embeddings", "modality_alignment"),
    fields=lambda tools: {},
    body=_carry_over,
    schema=pa.schema([pa.field("id", pa.string())]),
    checks=(*checks.ROWS, checks.IMAGE_VECTORS, transfer_checks.NO_DRIFT),
)
