"""Stage 1: `expanded_captions` asks for a dense caption of each seed; `curated_captions` keeps what is good enough."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicorn_assets.curation import quality, rules
from unicorn_assets.engines import model_of
from unicorn_assets.engines.base import Request
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.shards import ShardWriter, read_rows
from unicorn_assets.stages import checks, meters
from unicorn_assets.stages.accounting import Wasted
from unicorn_assets.stages.asking import Asked, answers
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.tools import Tools
from unicorn_assets.stages.topics import TOPICS_KEPT, Topics
from unicorn_assets.synthesis import prompts
from unicorn_assets.synthesis.answers import PARSER_VERSION, InvalidAnswer, parse_expansion


def expansion_fields(tools: Tools) -> dict[str, Any]:
    """What decides an expanded caption beside its seed."""
    model = model_of(tools.recipe.engine)
    return {
        "engine": {"kind": model.engine, "model": model.name, "revision": model.revision},
        "prompt": prompts.TEMPLATES["expansion"].version,
        "sampling": tools.recipe.expansion.model_dump(),
        "parser": PARSER_VERSION,
    }


def curation_fields(tools: Tools) -> dict[str, Any]:
    """What decides whether a caption is kept."""
    chosen = tools.recipe.curation
    asked = {"quality": quality.QUALITY_VERSION} if chosen.min_quality else {}
    return {"curation": chosen.model_dump(), "rules": rules.CURATION_VERSION, **asked}


def expansion_request(sample: str, seed: str, tools: Tools) -> Request:
    """The request for a seed's expansion; the calibration sample asks the very same."""
    return prompts.request("expansion", sample, {"seed": seed}, tools.recipe.expansion)


def _expand(work: Work, drafts: Drafts) -> Made:
    def requests() -> Iterator[Request]:
        for row in work.rows("caption_seeds", ["id", "seed"]):
            yield expansion_request(row["id"], row["seed"], work.tools)

    out = ShardWriter(drafts, EXPANDED_CAPTIONS.columns, work.fingerprint)
    asked, wasted, rows_in, length = Asked(), Wasted(), work.inputs["caption_seeds"].rows_out, 0
    for request, answer in answers(
        work.tools, work.stage, work.shard, requests, asked=asked, total=rows_in, progress=work.progress
    ):
        try:
            caption = parse_expansion(answer.text, answer.finish_reason)
        except InvalidAnswer as invalid:
            out.reject(request.id, invalid.reason, invalid.detail, answer.text)
            wasted.add(request, invalid.reason, answer)
            continue
        length += len(caption.split())
        out.row(
            id=request.id,
            seed=request.source["seed"],
            caption=caption,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )
    out.finish()
    mean = {"words_mean": round(length / out.rows_out, 1)} if out.rows_out else {}
    metrics = asked.metrics(work.tools.settings.prices, out.rows_out) | mean | wasted.metrics()
    return Made(rows_in, out.rows_out, out.rejected, metrics=metrics)


def _expansion_figures(paths: Mapping[str, Path]) -> dict[str, Any]:
    lengths = [len(row["caption"].split()) for row in read_rows(paths["rows"], ["caption"])]
    return {"words_mean": round(sum(lengths) / len(lengths), 1)} if lengths else {}


EXPANDED_CAPTIONS = Stage(
    name="expanded_captions",
    version=1,
    inputs=("caption_seeds",),
    fields=expansion_fields,
    body=_expand,
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("seed", pa.string()),
            pa.field("caption", pa.string()),
            pa.field("prompt_tokens", pa.int32()),
            pa.field("completion_tokens", pa.int32()),
        ]
    ),
    checks=checks.ROWS,
    lane="gpu",
    timeout_seconds=7200.0,  # a server may take half an hour to start, and be down for a while
    figures=_expansion_figures,
)


def _curate(work: Work, drafts: Drafts) -> Made:
    out = ShardWriter(drafts, CURATED_CAPTIONS.columns, work.fingerprint)
    rows_in = work.inputs["expanded_captions"].rows_out
    metered, topics = list[str](), Topics(work.rows("caption_seeds", ["id", "topic"]))
    for number, row in enumerate(work.rows("expanded_captions", ["id", "seed", "caption"]), start=1):
        reasons = rules.judge(row["seed"], row["caption"], work.recipe.curation)
        topics.count(row["id"], reasons[0].code if reasons else "")
        if reasons:
            out.reject(row["id"], reasons[0].code, "; ".join(reason.detail for reason in reasons), row["caption"])
        else:
            if len(metered) < meters.METERED:
                metered.append(row["caption"])
            figures = rules.measures(row["seed"], row["caption"])
            out.row(
                **row,
                words=figures.words,
                repetition=figures.repetition,
                seed_words=figures.seed_words,
                length_fit=figures.quality.length_fit,
                variety=figures.quality.variety,
                specificity=figures.quality.specificity,
                quality=figures.quality.score,
            )
        work.progress(number, rows_in)
    out.finish()
    metrics = topics.metrics() | {meters.DIVERSITY: meters.text_meters(metered)}
    return Made(rows_in, out.rows_out, out.rejected, metrics=metrics)


CURATED_CAPTIONS = Stage(
    name="curated_captions",
    version=2,
    inputs=("expanded_captions",),
    fields=lambda tools: curation_fields(tools) | {"quality": quality.QUALITY_VERSION},
    body=_curate,
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("seed", pa.string()),
            pa.field("caption", pa.string()),
            pa.field("words", pa.int32()),
            pa.field("repetition", pa.float32()),
            pa.field("seed_words", pa.float32()),
            pa.field("length_fit", pa.float32()),
            pa.field("variety", pa.float32()),
            pa.field("specificity", pa.float32()),
            pa.field("quality", pa.float32()),
        ]
    ),
    checks=(*checks.ROWS, *meters.CHECKS, TOPICS_KEPT),
)
