"""The world's writer: an engine that expands sparse captions to whole scenes and asks about them, as an LLM would.

What a sparse caption leaves unsaid is drawn: like an LLM's, its details are plausible, and nobody ever saw a picture of
them. It adds nothing that the world does not have. The `rules` engine would: lamps and chairs, which are noise here.
"""

import json
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

import numpy as np

from unicorn_assets.engines.base import Answer, Model, Request
from unicorn_assets.proof import wording
from unicorn_assets.proof.scenes import CELLS, COLOUR_NAMES, PLACES, SHAPE_NAMES, SHAPES, draw
from unicorn_assets.proof.wording import NUMBERS, TOLD, name, raised

VERSION = "1"

_ASKED = ("What is {at}?", "Which shape is {at}?", "What stands {at}?")
_COUNTED = ("How many shapes are there?", "How many shapes does the picture show?")

Pair = dict[str, str | list[str]]


class SceneWriter:
    """An engine that knows the miniature world and nothing else; a request's seed decides its answer."""

    def __init__(self) -> None:
        self._model = Model(engine="scenes", name="scenes", revision=VERSION)

    @property
    def model(self) -> Model:
        """The writer with its version as the revision."""
        return self._model

    def generate(self, requests: Iterable[Request]) -> Generator[tuple[Request, Answer], None, None]:
        """Answers each request in its turn."""
        for request in requests:
            chance = np.random.default_rng(request.sampling.seed)
            if request.task == "expansion":
                yield request, Answer(expand(chance, request.source["seed"]))
            else:
                pairs = _DIALOGS[request.task](chance, known(request.source["caption"]))
                yield request, Answer(json.dumps({"pairs": pairs}))

    def close(self) -> None:
        """Nothing is held."""


def expand(chance: np.random.Generator, seed: str) -> str:
    """A full caption of a scene that has all that a sparse one says, and as many things as scenes usually have."""
    scene = [cell or 0 for cell in wording.read(seed)]
    told = sum(1 for cell in scene if cell)
    if told >= TOLD:
        drawn = draw(chance, 1)
        while (drawn > 0).sum() < told:
            drawn = draw(chance, 1)
        free = chance.permutation([place for place in range(PLACES) if not scene[place]])
        there = drawn[drawn > 0][told:]
        for place, cell in zip(free, there, strict=False):
            scene[place] = int(cell)
    return wording.full(chance, scene)


def known(caption: str) -> list[int]:
    """The scene of a caption; places of which it says nothing are taken for empty."""
    return [cell or 0 for cell in wording.read(caption)]


def question(chance: np.random.Generator, place: int) -> str:
    """One way to ask what is at a place."""
    return _ASKED[chance.integers(len(_ASKED))].format(at=wording.at(place))


def answer(cell: int) -> str:
    """What is at a place, as a sentence."""
    return f"{raised(_thing(cell))}."


def _thing(cell: int) -> str:
    return f"a {name(cell)}" if cell else "nothing"


def _places(chance: np.random.Generator, scene: Sequence[int]) -> list[Pair]:
    return [{"question": question(chance, place), "answer": answer(scene[place])} for place in range(PLACES)]


def _more(chance: np.random.Generator, scene: Sequence[int]) -> list[Pair]:
    """Questions about the number of shapes, and about colour, form and place of one."""
    count = sum(1 for cell in scene if cell)
    found: list[Pair] = [{"question": _COUNTED[chance.integers(2)], "answer": raised(NUMBERS[count]) + "."}]
    there = [place for place in range(PLACES) if scene[place]]
    if there:
        place = int(chance.choice(there))
        cell = scene[place]
        colour, shape = COLOUR_NAMES[(cell - 1) // SHAPES], SHAPE_NAMES[(cell - 1) % SHAPES]
        found.append({"question": f"What colour is the shape {wording.at(place)}?", "answer": f"{colour}."})
        if sum(1 for other in scene if other == cell) == 1:
            where = raised(wording.at(place)) + "."
            found.append({"question": f"Where is the {colour} {shape}?", "answer": where})
    else:
        found.append({"question": "Is there any shape?", "answer": "No."})
    return found


def _answered(chance: np.random.Generator, scene: Sequence[int]) -> list[Pair]:
    return _shuffled(chance, [*_places(chance, scene), *_more(chance, scene)])


def _chosen(chance: np.random.Generator, scene: Sequence[int]) -> list[Pair]:
    pairs: list[Pair] = []
    for place in range(PLACES):
        others = [cell for cell in range(CELLS) if cell != scene[place]]
        wrong = [answer(int(cell)) for cell in chance.choice(others, 3, replace=False)]
        pairs.append({"question": question(chance, place), "answer": answer(scene[place]), "distractors": wrong})
    count = sum(1 for cell in scene if cell)
    for asked in _COUNTED:
        wrong = [raised(word) for number, word in enumerate(NUMBERS) if number != count][:3]
        pairs.append({"question": asked, "answer": raised(NUMBERS[count]), "distractors": wrong})
    return _shuffled(chance, pairs)


def _reasoned(chance: np.random.Generator, scene: Sequence[int]) -> list[Pair]:
    """What would be where after two places were swapped, and what two halves hold together."""
    pairs: list[Pair] = []
    for one, two in chance.permutation([(0, 1), (2, 3), (0, 2), (1, 3)])[:2].tolist():
        first, second = (wording.at(place) for place in (one, two))
        here, there = (_thing(cell) for cell in (scene[one], scene[two]))
        pairs.append(
            {
                "question": f"If what is {first} and what is {second} changed places, what would be {first}?",
                "answer": f"{raised(first)} is {here}. {raised(second)} is {there}. So it would be {there}.",
            }
        )
    [one] = chance.choice([place for place in range(PLACES) if scene[place]] or [0], 1)
    rest = sum(1 for place in range(PLACES) if scene[place] and place != one)
    pairs.append(
        {
            "question": f"How many shapes would be left if nothing were {wording.at(int(one))}?",
            "answer": f"{raised(wording.at(int(one)))} is {_thing(scene[one])}. Then {NUMBERS[rest]} would be left.",
        }
    )
    return _shuffled(chance, pairs)


def _shuffled(chance: np.random.Generator, pairs: list[Pair]) -> list[Pair]:
    return [pairs[number] for number in chance.permutation(len(pairs))]


_DIALOGS: Mapping[str, Callable[[np.random.Generator, Sequence[int]], list[Pair]]] = {
    "question_answering": _answered,
    "multiple_choice": _chosen,
    "complex_reasoning": _reasoned,
}
