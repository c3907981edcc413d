"""`modality_alignment`: the fitted transfer, frozen until a refit is asked for.

It stands upstream of the shards, so it draws its own calibration sample by hash from the seeds, and expands, curates
and embeds it through the same engine, encoder and answer store. The shards then find those answers paid for.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from unicorn_assets.alignment import Alignment
from unicorn_assets.curation import rules
from unicorn_assets.engines.base import Request
from unicorn_assets.errors import TransferError
from unicorn_assets.identity import draw
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.embedding_files import Embeddings
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import checks, transfer_checks
from unicorn_assets.stages.asking import Asked, gathered
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.captions import curation_fields, expansion_fields, expansion_request
from unicorn_assets.stages.embeddings import encoder_fields, windows
from unicorn_assets.stages.images import IMAGE_REFERENCE, check_dimension, image_fields
from unicorn_assets.stages.tools import Tools
from unicorn_assets.stages.transfer_checks import GAP
from unicorn_assets.stages.transfer_picture import picture
from unicorn_assets.synthesis.answers import InvalidAnswer, parse_expansion
from unicorn_assets.transfer.c3 import chosen_noise
from unicorn_assets.transfer.choices import NEED_COVARIANCES, READS, USE_IMAGES, VERSIONS
from unicorn_assets.transfer.fitted import FittedTransfer
from unicorn_assets.transfer.fitting import Options, fit
from unicorn_assets.transfer.gap import measure
from unicorn_assets.transfer.statistics import check_enough

ASKED_TOGETHER = 64
"""Requests of the calibration sample from which on no further shard is asked for at the same time."""
LEAST_SAMPLES = 2
"""A mean of fewer would be the text itself."""


def _fields(tools: Tools) -> dict[str, Any]:
    """The seeds are left out on purpose: new seeds do not move a transfer that is in use. Other images do."""
    fields = {
        "alignment": _read(tools.recipe.alignment),
        "expansion": expansion_fields(tools),
        **curation_fields(tools),
        **encoder_fields(tools),
    }
    if tools.recipe.alignment.images is not None:
        fields["images"] = image_fields(tools) | {"version": IMAGE_REFERENCE.version}
    return fields


def _read(chosen: Alignment) -> dict[str, Any]:
    """What the method reads of the recipe's section, so that other methods' options change nothing."""
    read = {name: getattr(chosen, name) for name in ("method", "sample", *READS[chosen.method])}
    if chosen.method == "c3":
        read["noise_cosine"] = chosen_noise(chosen.noise_sigma, chosen.noise_cosine, chosen.noise_seed).cosine
    if chosen.method in VERSIONS:
        read["version"] = VERSIONS[chosen.method]
    return read


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
    shard_of = {sample_id: shard for shard, rows in sample.items() for sample_id, _ in rows}
    for shards in _together(sample):

        def requests(shards: Sequence[str] = shards) -> Iterator[Request]:
            rows = (row for shard in shards for row in sample[shard])
            return (expansion_request(sample_id, seed, work.tools) for sample_id, seed in rows)

        for request, answer in gathered(
            work.tools,
            "expanded_captions",
            dict.fromkeys(shards, False),
            lambda request: shard_of[request.id],
            requests,
            asked=asked,
            total=total,
            progress=work.progress,
        ):
            shard = shard_of[request.id]
            try:
                caption = parse_expansion(answer.text, answer.finish_reason)
            except InvalidAnswer as invalid:
                yield request.id, shard, answer.text, invalid.reason
                continue
            reasons = rules.judge(request.source["seed"], caption, work.recipe.curation)
            yield request.id, shard, caption, reasons[0].code if reasons else ""


def _together(sample: Mapping[str, Sequence[Any]]) -> Iterator[list[str]]:
    """Shards that are asked for together: just enough to keep a server busy, for nobody else can ask for them then."""
    shards, count = list[str](), 0
    for shard, rows in sample.items():
        shards.append(shard)
        count += len(rows)
        if count >= ASKED_TOGETHER:
            yield shards
            shards, count = [], 0
    if shards:
        yield shards


def _align(work: Work, drafts: Drafts) -> Made:
    images = _images(work)
    sample, asked = _sample(work), Asked()
    rows_in = sum(len(rows) for rows in sample.values())
    _refuse_too_few(work, rows_in, images)
    out = _embed(work, drafts, sample, asked)
    texts = Embeddings(drafts.paths["vectors"], "Arrow")
    transfer = _fit(work, texts, images)
    transfer.save(drafts.add("transfer"))
    gap = measure(transfer.method, texts, images)
    undrawn = {}
    try:
        drawn = picture(transfer.method, gap.report, texts, images)
    except Exception as error:  # a fit that was paid for is not lost for want of a font
        undrawn["picture_missing"] = f"{type(error).__name__}: {error}"
    else:
        drafts.add("picture").write_bytes(drawn)
    metrics = asked.metrics(work.tools.settings.prices, out.rows_out)
    metrics |= {
        "transfer": transfer.version,
        "method": transfer.method.name,
        "fitted_on": {"captions": transfer.sample} | ({} if transfer.images is None else {"images": transfer.images}),
        "fit": dict(transfer.method.parameters),
        "lost": gap.lost,
        GAP: gap.report.figures(axes=None),
        **undrawn,
    }
    return Made(rows_in, out.rows_out, out.rejected, produced={ALL: transfer.version}, metrics=metrics)


def _images(work: Work) -> Embeddings | None:
    """The reference's embeddings. Whether they fit is found out before any caption is asked for."""
    if work.recipe.alignment.images is None:
        return None
    found = Embeddings(work.lake.vectors(IMAGE_REFERENCE.name, ALL))
    check_dimension(work.tools, found.dimension, f"The image reference {work.recipe.alignment.images.path}")
    return found


def _refuse_too_few(work: Work, captions: int, images: Embeddings | None) -> None:
    """Says before any caption is paid for what no answer can change: that the fit has too few rows to stand on."""
    if captions < LEAST_SAMPLES:
        raise TransferError(f"There are {captions} seeds to calibrate with; a fit needs {LEAST_SAMPLES}.", "add seeds.")
    if images is not None and work.recipe.alignment.method in NEED_COVARIANCES:
        check_enough("texts", captions, images.dimension)
        check_enough("images", min(images.rows, work.recipe.alignment.sample), images.dimension)


def _embed(work: Work, drafts: Drafts, sample: dict[str, list[tuple[str, str]]], asked: Asked) -> ShardWriter:
    out = ShardWriter(drafts, MODALITY_ALIGNMENT.columns, work.fingerprint)
    usable = []
    for sample_id, shard, text, reason in sorted(_captions(work, sample, asked)):
        if reason:
            out.reject(sample_id, reason, "not fit for calibration", text)
        else:
            usable.append({"id": sample_id, "shard": shard, "caption": text})
    encoder = work.tools.encoder
    vectors = out.open_vectors(encoder.dimension)
    for window in windows(iter(usable)):
        vectors.write([row["id"] for row in window], encoder.encode([row["caption"] for row in window]))
        for row in window:
            out.row(id=row["id"], shard=row["shard"])
        work.progress(out.rows_out, len(usable))
    out.finish()
    if out.rows_out < LEAST_SAMPLES:
        raise TransferError(
            f"Only {out.rows_out} captions are fit for calibration; a fit needs {LEAST_SAMPLES}.",
            "add seeds, or look at the rejects of this asset for what is wrong with the captions.",
        )
    return out


def _fit(work: Work, texts: Embeddings, images: Embeddings | None) -> FittedTransfer:
    """The fit on what the lake holds: the vectors as the shards have them, in float16."""
    chosen = work.recipe.alignment
    options = Options(
        renormalise=chosen.renormalise,
        noise=chosen_noise(chosen.noise_sigma, chosen.noise_cosine, chosen.noise_seed),
        sample=chosen.sample,
        rounds=chosen.rounds,
        kept=chosen.kept,
    )
    read = images if chosen.method in USE_IMAGES else None
    found = fit(chosen.method, texts, read, options, lambda what, done, total: work.progress(done, total))
    return replace(found, fingerprints={work.stage: work.fingerprint})


def modality_alignment(recipe: Recipe) -> Stage:
    """The stage as the recipe wants it: below the image reference where there is one."""
    if recipe.alignment.images is None:
        return MODALITY_ALIGNMENT
    return replace(MODALITY_ALIGNMENT, inputs=(*MODALITY_ALIGNMENT.inputs, IMAGE_REFERENCE.name))


MODALITY_ALIGNMENT = Stage(
    name="modality_alignment",
    version=2,
    inputs=("seed_sources",),
    fields=_fields,
    body=_align,
    schema=pa.schema([pa.field("id", pa.string()), pa.field("shard", pa.string())]),
    checks=(*checks.ROWS, checks.UNIT_VECTORS, *transfer_checks.OF_THE_FIT),
    sharded=False,
    lane="gpu",
    timeout_seconds=7200.0,  # a server may take half an hour to start, and be down for a while
    frozen=True,
)
"""As for a recipe without images; see `modality_alignment`."""
