"""What every column means, for people who look at an asset before they look at the code."""

from collections.abc import Mapping

import pyarrow as pa

from unicorn_assets.release import meters, tables
from unicorn_assets.stages.base import Stage
from unicorn_assets.synthesis.seeds.buckets import SEEDS

EMBEDDING = pa.field("embedding", pa.list_(pa.float16()))
IMAGE_EMBEDDING = pa.field("image_embedding", pa.list_(pa.float16()))

MEANINGS: Mapping[str, str] = {
    "id": "The sample's id, the same in all stages: a hash of its cleaned seed. Of an image: a hash of its content.",
    "shard": "The shard that the sample belongs to, which follows from its id.",
    "seed": "The short caption that everything about this sample was made from, cleaned.",
    "source": "The recipe's name for the source that the seed came from.",
    "licence": "The seed's licence, as the recipe states it.",
    "origin": "Who made the seed, or where it was published.",
    "image_id": "The image that the seed describes in its source, where that names one; one caption an image is taken.",
    "topic": "What the seed is about, where the source says so.",
    "file": "Name of the file that the seed stood in.",
    "row": "Line or record of the seed, or of a benchmark's text, in its file, from 1.",
    "caption": "The dense caption that the engine wrote for the seed.",
    "prompt_tokens": "Tokens that the model read for the answer; 0 for an engine without a model.",
    "completion_tokens": "Tokens that the model wrote; 0 for an engine without a model.",
    "words": "Words of the caption.",
    **meters.PARTS,
    "quality": "How good the caption is, 0 to 1, of the parts before it; docs/curation.md has the formula.",
    "faithful": "How true the caption is to its seed, 1 to 5, by the model that grades it; empty where unreadable.",
    "visual": "Whether it says only what a camera could show, 1 to 5, likewise.",
    "specific": "How concrete it is, 1 to 5, likewise.",
    "fluent": "How plain and varied its English is, 1 to 5, likewise.",
    "grade": "Mean of the four grades before it.",
    "form": "What kind of answer the question has: choice among options, yes_no, or open.",
    "question_type": "What the question begins by asking: what, which, where, how many, yes/no and so on.",
    "question": "The probed question of the dialog.",
    "options": "The options of the question, in the order of their letters; none for most.",
    "expected": "The answer that the dialog has; of options, the letter of the right one.",
    "answered": "What the probe's model answered, on one line; empty where it refused or ran out of room.",
    "verdict": "Whether both answers say the same: agrees, differs, or unreadable.",
    "task": "What the dialog trains: multiple_choice, question_answering or complex_reasoning.",
    "turns": "The dialog: questions, their answers, and the options where one is to be chosen.",
    "dropped": "Turns that broke a rule and left the dialog, each with the rule and what was found.",
    "repaired": "Whether the JSON of the model's answer was broken and could be mended.",
    "tokens": "Tokens of the caption for the encoder, before any cut.",
    "cut": "Whether the caption was longer than the encoder reads, and is embedded by its beginning alone.",
    "conversations": "The sample as LLaVA has it: human and gpt in turns, <image> once, in the first human turn.",
    "path": "The image's path in the folder of the reference; empty where its embedding came ready.",
    "sha256": "Hash of the image's content; empty where its embedding came ready.",
    "table": "The table of the candidate that is meant: pretrain or instruction.",
    "place": "Where in the sample it stands: its caption, or a question or answer by its number from 1.",
    "benchmark": "The recipe's name for the benchmark.",
    "column": "The benchmark's column that the text stands in.",
    "how": "What both share: most words (lexical), one stands in the other (contained), words in a row, or meaning.",
    "shared": "The words that both have in a row; the benchmark's text where they are close in meaning.",
    "similarity": "How near both are: Jaccard, share of the shorter text, or cosine; empty for words in a row.",
    "reason": "Why it is left out.",
    "detail": "The reason in words, with its figures.",
    "evidence": "What stands against it: the id of its twin, or a row of a benchmark file.",
    "kind": "What is compared: caption, or question of a dialog.",
    "turn": "The question's turn in its dialog, from 0; -1 for a caption.",
    "twin": "The sample whose text is kept instead.",
    "twin_turn": "The kept question's turn in its dialog, from 0; -1 for a caption.",
    "fingerprint": "Hash of everything that decided this row; equal for all rows of a shard.",
    EMBEDDING.name: "The row's vector. It stands in the .arrow file beside the rows, in the same order.",
    IMAGE_EMBEDDING.name: "The caption's embedding, carried over into image space: it stands in for an image.",
}
"""What a column means, by its name, which means the same in every stage."""

WITH_VECTORS = frozenset({"image_reference", "modality_alignment", "text_embeddings", "synthetic_image_embeddings"})
"""Stages whose rows have a vector."""


def columns(stage: Stage) -> pa.Schema:
    """What a row of the stage has: the columns of its file, then its vector where it has one."""
    if stage.name == "release":
        return tables.COLUMNS["instruction"].append(IMAGE_EMBEDDING)
    written = SEEDS if stage.schema is None else stage.written
    return written.append(EMBEDDING) if stage.name in WITH_VECTORS else written
