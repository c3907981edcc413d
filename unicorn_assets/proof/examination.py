"""One row of one world: a reader is taught, then asked about images that nothing in its training showed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unicorn_assets.proof import reader as readers
from unicorn_assets.proof import wording
from unicorn_assets.proof.lessons import Lesson
from unicorn_assets.proof.reader import Reader, Words
from unicorn_assets.proof.scenes import PLACES, Scenes
from unicorn_assets.proof.sizes import Size
from unicorn_assets.proof.world import Vectors, World
from unicorn_assets.synthesis.conversations import DESCRIBE

CAPTIONS, TURNS = 16, 64
"""Samples of a step in each stage: few, since it is the number of steps that teaches to read."""

DESCRIPTION_WORDS = 70


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of right answers to one question a place.

    Args:
        places: over all places; a reader that says "nothing" everywhere gets about half of them.
        occupied: over those where something is.
        exact: scenes of which every place is right.
    """

    places: float
    occupied: float
    exact: float


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a row.

    Args:
        score: by the questions.
        described: by what its own description says, where it was asked for one.
        seconds: teaching and asking, of the thread that did it: what else the machine does is not counted.
    """

    score: Score
    described: Score | None
    seconds: float

    def figures(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return asdict(self)


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets torch use one thread: the nets are too small for more, which would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def examine(world: World, lesson: Lesson, draw: int) -> Result:
    """Teaches a reader of its own and counts its right answers.

    Args:
        world: the world.
        lesson: what it is taught and shown.
        draw: other numbers give other readers, the same for all rows.
    """
    started = time.thread_time()
    reader, words = _taught(lesson, world.size, (world.seed, draw))
    found = np.stack([_answers(reader, words, lesson.shown, place) for place in range(PLACES)], axis=1)
    described = None
    if lesson.described:
        told = readers.ask(reader, words, lesson.shown, DESCRIBE[0], DESCRIPTION_WORDS)
        read = np.array([[-1 if cell is None else cell for cell in wording.read(text)] for text in told])
        described = _score(read, world.tests.scenes)
    return Result(_score(found, world.tests.scenes), described, round(time.thread_time() - started, 1))


def _taught(lesson: Lesson, size: Size, seed: tuple[int, int]) -> tuple[Reader, Words]:
    """A reader after both stages, as in the paper: first captions, then dialogs."""
    questions = [wording.question(place) for place in range(PLACES)]
    said = (text for turns in (*lesson.pretrain, *lesson.dialogs) for turn in turns for text in turn)
    words = Words([*DESCRIBE, *questions, *said])
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    torch.manual_seed(number)
    reader = Reader(lesson.vectors.shape[1], len(words))
    reader.used_to(lesson.vectors)
    stages = (
        (lesson.pretrain, lesson.vectors, size.pretrain_epochs, CAPTIONS),
        (lesson.dialogs, lesson.dialog_vectors, size.instruction_epochs, TURNS),
    )
    for conversations, vectors, epochs, batch in stages:
        if conversations:
            data = readers.samples(words, conversations, vectors)
            readers.train(reader, data, epochs=epochs, seed=number, batch_size=batch)
    return reader.eval(), words


def _answers(reader: Reader, words: Words, shown: Vectors, place: int) -> NDArray[np.int64]:
    said = (wording.cell(text) for text in readers.ask(reader, words, shown, wording.question(place)))
    return np.array([-1 if cell is None else cell for cell in said])


def _score(found: NDArray[np.int64], scenes: Scenes) -> Score:
    right = found == scenes
    return Score(float(right.mean()), float(right[scenes > 0].mean()), float(right.all(axis=1).mean()))
