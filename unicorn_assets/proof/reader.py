"""The small vision-language model: a projector and a causal decoder, trained on a release, asked about images.

The decoder reads words with a recurrent net. Before it says one, its state gates what the projector made of the
image's embedding: the word for a colour is chosen from the features of the place that was asked about.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

WIDTH, FEATURES, LONGEST = 96, 384, 160
RATE = 3e-3

PAD, HUMAN, MODEL, END = range(4)
"""Tokens that are no words: padding, the beginning of a human's and of the model's turn, the end of the latter."""

_WORD = re.compile(r"[a-z]+|[.]")

Vectors = NDArray[np.float32]


class Words:
    """The words that a release uses, as numbers.

    Args:
        texts: everything that is said in it.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        found = sorted({word for text in texts for word in _WORD.findall(text.lower())})
        self._numbers = {word: number for number, word in enumerate(found, start=END + 1)}
        self._names = {number: word for word, number in self._numbers.items()}

    def __len__(self) -> int:
        return END + 1 + len(self._numbers)

    def encode(self, text: str) -> list[int]:
        """Numbers of a text's words.

        Raises:
            KeyError: a word is not among them.
        """
        return [self._numbers[word] for word in _WORD.findall(text.lower())]

    def decode(self, numbers: Sequence[int]) -> str:
        """The words again, up to the end of the turn."""
        stop = numbers.index(END) if END in numbers else len(numbers)
        return " ".join(self._names.get(number, "") for number in numbers[:stop])


@dataclass(frozen=True, eq=False)
class Samples:
    """Single turns with an embedding each: a dialog's turns are taught one by one, since long sequences take long.

    Args:
        tokens: token numbers of each turn.
        spoken: of each token whether the model is to learn it, which it does of its own part.
        vectors: (n, dimension).
    """

    tokens: Sequence[torch.Tensor]
    spoken: Sequence[torch.Tensor]
    vectors: torch.Tensor


def samples(words: Words, conversations: Sequence[Sequence[tuple[str, str]]], vectors: Vectors) -> Samples:
    """The turns of conversations as token numbers, cut at LONGEST.

    Args:
        words: the release's.
        conversations: of each sample its turns, a question and an answer.
        vectors: (n, dimension).
    """
    tokens, spoken, rows = [], [], []
    for row, turns in enumerate(conversations):
        for asked, answered in turns:
            question, reply = [HUMAN, *words.encode(asked), MODEL], [*words.encode(answered), END]
            tokens.append(torch.tensor((question + reply)[:LONGEST]))
            spoken.append(torch.tensor(([False] * len(question) + [True] * len(reply))[:LONGEST]))
            rows.append(row)
    return Samples(tokens, spoken, torch.from_numpy(vectors[rows]))


class Reader(nn.Module):
    """Projector and decoder.

    Args:
        dimension: length of an embedding.
        words: how many tokens there are.
    """

    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, dimension: int, words: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dimension))
        self.register_buffer("spread", torch.ones(1))
        self.project = nn.Sequential(nn.Linear(dimension, FEATURES), nn.GELU(), nn.Linear(FEATURES, FEATURES))
        self.words = nn.Embedding(words, WIDTH, padding_idx=PAD)
        self.read = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.gate = nn.Linear(WIDTH, FEATURES)
        self.say = nn.Sequential(nn.GELU(), nn.Linear(FEATURES, WIDTH * 2), nn.GELU(), nn.Linear(WIDTH * 2, words))

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        """The decoder's state after each token, (n, length, WIDTH)."""
        states: torch.Tensor = self.read(self.words(tokens))[0]
        return states

    def next_words(self, features: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """What may follow, (m, words), of features (m, FEATURES) and states (m, WIDTH)."""
        gates = self.gate(states)
        found: torch.Tensor = self.say(features * gates + gates)
        return found

    def features(self, vectors: torch.Tensor) -> torch.Tensor:
        """What the projector makes of embeddings, (n, FEATURES)."""
        features: torch.Tensor = self.project((vectors - self.centre) / self.spread)
        return features

    def used_to(self, vectors: Vectors) -> None:
        """Lets the projector see embeddings (n, dimension) from their mean on, in units of their spread.

        Most of an embedding is what all of its kind share, which would leave little to tell them apart by.
        """
        self.centre = torch.from_numpy(vectors.mean(axis=0))
        self.spread = torch.from_numpy(vectors.std(axis=0).mean(keepdims=True) + 1e-6)


def train(reader: Reader, data: Samples, *, epochs: float, seed: int, batch_size: int, rate: float = RATE) -> None:
    """Trains all of the reader on its own turns, batches of like length, cosine from `rate` after a warm-up.

    Args:
        reader: what is trained, in place.
        data: the samples.
        epochs: how often each is seen.
        seed: of the order.
        batch_size: samples a step.
        rate: the highest learning rate.
    """
    chance = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(reader.parameters(), rate, weight_decay=0.02, fused=True)
    lengths = np.array([len(one) for one in data.tokens])
    steps = round(len(lengths) * epochs / batch_size)
    queue: list[NDArray[np.int64]] = []
    for step in range(steps):
        if not queue:
            queue = _batches(chance, lengths, batch_size)
        now = rate * min(1.0, (step + 1) / 30) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimiser.param_groups:
            group["lr"] = now
        batch = queue.pop()
        tokens = nn.utils.rnn.pad_sequence([data.tokens[one] for one in batch], batch_first=True)
        spoken = nn.utils.rnn.pad_sequence([data.spoken[one] for one in batch], batch_first=True)
        # Words are chosen only where the model speaks: most of a conversation is questions.
        row, column = spoken[:, 1:].nonzero(as_tuple=True)
        states = reader.states(tokens[:, :-1])[row, column]
        found = reader.next_words(reader.features(data.vectors[batch])[row], states)
        loss: Any = functional.cross_entropy(found, tokens[row, column + 1])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimiser.step()


def _batches(chance: np.random.Generator, lengths: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Batches of like length in random order; who is together changes from epoch to epoch."""
    order = np.argsort(lengths + chance.uniform(0, 12, len(lengths)), kind="stable")
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    return [batches[number] for number in chance.permutation(len(batches))]


@torch.inference_mode()
def ask(reader: Reader, words: Words, vectors: Vectors, question: str, longest: int = 8) -> list[str]:
    """The reader's likeliest answer, word after word, to one question about each image.

    Args:
        reader: a trained one.
        words: those it was trained with.
        vectors: the images' embeddings, (n, dimension).
        question: what to ask.
        longest: words of an answer at most.
    """
    features = reader.features(torch.from_numpy(vectors))
    asked = torch.tensor([[HUMAN, *words.encode(question), MODEL]]).expand(len(vectors), -1)
    states, held = reader.read(reader.words(asked))
    said = []
    for _ in range(longest):
        said.append(reader.next_words(features, states[:, -1]).argmax(-1))
        states, held = reader.read(reader.words(said[-1][:, None]), held)
    return [words.decode(row) for row in torch.stack(said, 1).tolist()]
