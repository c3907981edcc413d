"""Embeddings of a shard's questions by the recipe's encoder, kept beside their signatures; the lake has none of them.

Derived: a file's name tells what it is of, and one that is missing, damaged or of other questions is made again.
"""

import hashlib
from pathlib import Path

import numpy as np

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import whole
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.signature_files import Signed
from unicorn_assets.lake.vectors import VectorRows, VectorWriter
from unicorn_assets.stages.base import Work
from unicorn_assets.stages.embeddings import WINDOW_ROWS, encoder_fields

FOLDER = "question_embeddings"


def encoded_by(work: Work) -> str:
    """What changes when questions are encoded otherwise."""
    return digest(encoder_fields(work.tools))


def question_vectors(work: Work, shard: str, signed: Signed) -> Path:
    """The file with an embedding of each of a shard's questions, in their order; made where it is not there.

    Args:
        work: the stage that compares them.
        shard: the shard.
        signed: its questions.

    Raises:
        LakeError: it cannot be written.
    """
    path = work.tools.home.signatures(FOLDER, f"{shard}.{_content(work, signed)}")
    try:
        VectorRows({0: path})
    except LakeError:
        for old in path.parent.glob(f"{shard}.*.arrow"):
            old.unlink()
        _write(work, path, signed)
    return path


def _content(work: Work, signed: Signed) -> str:
    """What changes with the questions, their places or the encoder; answers and signatures may."""
    found = hashlib.sha256(encoded_by(work).encode())
    for part in (signed.ids.tobytes(), signed.places.tobytes(), *signed.texts.buffers()[1:]):
        found.update(part or b"")
    return found.hexdigest()[:32]


def _write(work: Work, path: Path, signed: Signed) -> None:
    encoder, texts = work.tools.encoder, signed.texts.to_pylist()
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}  # asked by many, encoded once
    distinct, vectors = list(numbers), np.empty((len(numbers), encoder.dimension), np.float16)
    for start in range(0, len(distinct), WINDOW_ROWS):
        vectors[start : start + WINDOW_ROWS] = encoder.encode(distinct[start : start + WINDOW_ROWS])
        work.progress(min(start + WINDOW_ROWS, len(distinct)), len(distinct))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as draft, VectorWriter(draft, encoder.dimension) as writer:
        for start in range(0, len(texts), WINDOW_ROWS):
            part = slice(start, start + WINDOW_ROWS)
            names = [f"{one.decode()} {turn}" for one, turn in zip(signed.ids[part], signed.places[part], strict=True)]
            writer.write(names, vectors[[numbers[text] for text in texts[part]]])
