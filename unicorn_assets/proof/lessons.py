"""What a reader is taught in each row of the comparison, and how images are shown to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.lake.embedding_files import Embeddings
from unicorn_assets.lake.files import whole
from unicorn_assets.lake.vectors import VectorWriter, read_vectors
from unicorn_assets.proof import wording
from unicorn_assets.proof.far import unit
from unicorn_assets.proof.scenes import OTHER, PLACE_NAMES, USUAL, Mix
from unicorn_assets.proof.towers import DIMENSION
from unicorn_assets.proof.world import METHOD, Turns, Vectors, World
from unicorn_assets.transfer.fitting import Options, fit


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a reader is taught, and what it is shown in the test.

    Args:
        pretrain, vectors: conversations about captions and an embedding each.
        dialogs, dialog_vectors: the same of the instruction data; empty where there is none.
        shown: embeddings of the test's scenes, (n, dimension).
        described: whether the reader is asked for a description too, and what is in it counted.
    """

    pretrain: list[Turns]
    vectors: Vectors
    dialogs: list[Turns]
    dialog_vectors: Vectors
    shown: Vectors
    described: bool = False


def _lesson(world: World, vectors: Vectors, shown: Vectors) -> Lesson:
    released = world.released
    return Lesson(released.pretrain, vectors, released.dialogs, vectors[released.places], shown)


def _blind(world: World) -> Lesson:
    return _lesson(world, np.zeros_like(world.released.vectors), np.zeros_like(world.tests.images))


def _none(world: World) -> Lesson:
    return _lesson(world, world.texts[1], world.tests.images)


def _text_on_text(world: World) -> Lesson:
    return _lesson(world, world.texts[1], world.tests.texts)


def _images(world: World) -> Lesson:
    return _lesson(world, world.seen(world.released.captions), world.tests.images)


def _released(world: World) -> Lesson:
    """The release as it stands: our own method, carried over by the pipeline."""
    return _lesson(world, world.released.vectors, world.tests.images)


def _carried(method: str, mix: Mix = USUAL, *, far: bool = False) -> Callable[[World], Lesson]:
    """The release with its captions carried over by another method, or towards other images."""

    def teach(world: World) -> Lesson:
        path, texts = world.texts
        images = world.reference(mix)
        shown = world.tests.images
        if far:
            images, shown = _far_reference(world), world.far.apply(shown)
        fitted = fit(method, Embeddings(path), Embeddings(images), Options(), lambda *told: None).method
        return _lesson(
            world, fitted.apply(texts, ids=world.released.ids).vectors, fitted.image_rule().carry(shown).vectors
        )

    return teach


def _paired(*, far: bool = False) -> Callable[[World], Lesson]:
    """The best affine map that pairs can teach: ridge regression of images on texts."""

    def teach(world: World) -> Lesson:
        images, shown = world.pairs.images, world.tests.images
        if far:
            images, shown = world.far.apply(images), world.far.apply(shown)
        texts = _with_one(world.pairs.texts)
        found = np.linalg.solve(texts.T @ texts + 1e-3 * np.eye(DIMENSION + 1), texts.T @ images)
        return _lesson(world, unit(_with_one(world.texts[1]) @ found), shown)

    return teach


def _far_none(world: World) -> Lesson:
    return _lesson(world, world.texts[1], world.far.apply(world.tests.images))


def _raw_seeds(world: World) -> Lesson:
    """The recipe without Stage 1: seeds in the place of captions, dialogs about what the seeds say."""
    method = fit(
        METHOD, Embeddings(world.texts[0]), Embeddings(world.reference()), Options(), lambda *told: None
    ).method
    vectors = method.apply(world.towers.texts(world.sparse), ids=world.released.ids).vectors
    released, seeds = world.released, world.sparse
    pretrain = [[(turns[0][0], seed)] for turns, seed in zip(released.pretrain, seeds, strict=True)]
    told = [said_of(turns, seeds[place]) for turns, place in zip(released.dialogs, released.places, strict=True)]
    kept = [number for number, turns in enumerate(told) if turns]
    return Lesson(
        pretrain, vectors, [told[number] for number in kept], vectors[released.places[kept]], world.tests.images
    )


def _instructed(share: float) -> Callable[[World], Lesson]:
    """The release with a part of its dialogs; they lie in the order of hashes, so the first are drawn by chance."""

    def teach(world: World) -> Lesson:
        whole = _released(world)
        count = round(len(whole.dialogs) * share)
        return replace(
            whole, dialogs=whole.dialogs[:count], dialog_vectors=whole.dialog_vectors[:count], described=not share
        )

    return teach


LESSONS: Mapping[str, Callable[[World], Lesson]] = {
    "blind": _blind,
    "none": _none,
    "mean_shift": _carried("mean_shift"),
    "c3": _carried("c3"),
    "realign": _carried("realign"),
    "aniso": _carried("aniso"),
    "matched": _released,
    "paired": _paired(),
    "text_on_text": _text_on_text,
    "images": _images,
    "realign_other": _carried("realign", OTHER),
    "matched_other": _carried("matched", OTHER),
    "far_none": _far_none,
    "far_mean_shift": _carried("mean_shift", far=True),
    "far_realign": _carried("realign", far=True),
    "far_matched": _carried("matched", far=True),
    "far_paired": _paired(far=True),
    "raw_seeds": _raw_seeds,
    "instruction_0": _instructed(0),
    "instruction_25": _instructed(0.25),
    "instruction_50": _instructed(0.5),
}
"""What each row of `rows.ROWS` teaches in a world."""


def said_of(turns: Turns, seed: str) -> Turns:
    """The turns that ask about places, and about none that a seed leaves unsaid."""
    told = {name for name, cell in zip(PLACE_NAMES, wording.read(seed), strict=True) if cell is not None}
    return [turn for turn in turns if (asked := set(wording.places(turn[0]))) and asked <= told]


def _far_reference(world: World) -> Path:
    path = world.folder / "reference-far.arrow"
    if not path.exists():
        ids, rows = read_vectors(world.reference())
        with whole(path) as draft, VectorWriter(draft, DIMENSION) as writer:
            writer.write(ids, world.far.apply(rows.astype(np.float32)))
    return path


def _with_one(rows: Vectors) -> NDArray[np.float64]:
    return np.concatenate([rows.astype(np.float64), np.ones((len(rows), 1))], axis=1)
