"""`pretrain_dataset` and `instruction_dataset`: candidate samples as LLaVA conversations, one row a sample."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.shards import ShardWriter
from unicorn_assets.stages import checks
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis import conversations
from unicorn_assets.synthesis.answers import InvalidAnswer, Turn

CONVERSATIONS = pa.list_(pa.struct([pa.field("from", pa.string()), pa.field("value", pa.string())]))


def _fields(tools: Tools) -> dict[str, Any]:
    return {"conversations": conversations.CONVERSATION_VERSION}


def _embedded(work: Work, rows: Iterator[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each row, and whether its vector is there; both sides are sorted by id."""
    vectors = (row["id"] for row in work.rows("synthetic_image_embeddings", ["id"]))
    current = next(vectors, None)
    for row in rows:
        while current is not None and current < row["id"]:
            current = next(vectors, None)
        yield row, current == row["id"]


def _collect(work: Work, drafts: Drafts, stage: Stage, above: str, rows: Iterator[dict[str, Any]]) -> Made:
    """Writes the rows that have a vector; a row may bring its `turns`, else it is a pretraining sample."""
    out = ShardWriter(drafts, stage.columns, work.fingerprint)
    rows_in = work.inputs[above].rows_out
    for number, (row, embedded) in enumerate(_embedded(work, rows), start=1):
        turns = row.pop("turns", None)
        if not embedded:
            out.reject(row["id"], "no_embedding", "its caption has no synthetic image embedding")
            continue
        try:
            if turns is None:
                spoken = conversations.pretrain(row["id"], row["caption"])
            else:
                said = tuple(Turn(turn["question"], turn["answer"], tuple(turn["options"])) for turn in turns)
                spoken = conversations.instruction(row["id"], row["task"], said)
        except InvalidAnswer as invalid:
            out.reject(row["id"], invalid.reason, invalid.detail, row["caption"])
            continue
        out.row(**row, conversations=spoken)
        work.progress(number, rows_in)
    out.finish()
    return Made(rows_in, out.rows_out, out.rejected)


def _pretrain(work: Work, drafts: Drafts) -> Made:
    rows = work.rows("curated_captions", ["id", "caption"])
    return _collect(work, drafts, PRETRAIN_DATASET, "curated_captions", rows)


def _instruction(work: Work, drafts: Drafts) -> Made:
    captions = work.rows("curated_captions", ["id", "caption"])

    def with_captions() -> Iterator[dict[str, Any]]:
        caption = next(captions, None)
        for dialog in work.rows("instruction_dialogs", ["id", "task", "turns"]):
            while caption is not None and caption["id"] < dialog["id"]:
                caption = next(captions, None)
            if caption is not None and caption["id"] == dialog["id"]:
                yield {**dialog, "caption": caption["caption"]}

    return _collect(work, drafts, INSTRUCTION_DATASET, "instruction_dialogs", with_captions())


PRETRAIN_DATASET = Stage(
    name="pretrain_dataset",
    version=1,
    inputs=("curated_captions", "synthetic_image_embeddings"),
    fields=_fields,
    body=_pretrain,
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("caption", pa.string()),
            pa.field("conversations", CONVERSATIONS),
        ]
    ),
    checks=(*checks.ROWS, checks.ONE_IMAGE_TOKEN),
)

INSTRUCTION_DATASET = Stage(
    name="instruction_dataset",
    version=1,
    inputs=("instruction_dialogs", "curated_captions", "synthetic_image_embeddings"),
    fields=_fields,
    body=_instruction,
    schema=pa.schema(
        [
            pa.field("id", pa.string()),
            pa.field("task", pa.string()),
            pa.field("caption", pa.string()),
            pa.field("conversations", CONVERSATIONS),
        ]
    ),
    checks=(*checks.ROWS, checks.ONE_IMAGE_TOKEN),
)
