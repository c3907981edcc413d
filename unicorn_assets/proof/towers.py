"""The world's encoder: a text tower and an image tower, trained from scratch on pairs by a contrastive loss.

The logit scale is fixed at 100, and the output layers begin with biases in opposite directions, which keeps the
modality gap open; with a learned temperature it closes by itself, and then alignment does not matter. The text tower
sums up what two convolutions find, and its last layer is linear, as CLIP's projection is. With one convolution and an
MLP behind the sum, or with a small transformer, texts are read worse than images, which caps every method.
"""

import math
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from unicorn_assets.proof import wording
from unicorn_assets.proof.scenes import FAMILY, Images, Scenes, families, render

DIMENSION = 128
LOGIT_SCALE = 100.0
BATCH = 128
RATE = 2e-3
APART = 2.0
"""Length of the biases that hold the towers apart when training begins: centroids end 0.4 to 0.7 apart."""

BUCKETS = 1 << 14
"""Words are hashed into so many rows of the embedding table; no vocabulary is to be kept."""

_WORD = re.compile(r"[a-z]+|[.]")


def tokens(text: str) -> list[int]:
    """Numbers of a text's words, 1 to BUCKETS - 1; a word's number does not depend on any other text."""
    return [1 + zlib.crc32(word.encode()) % (BUCKETS - 1) for word in _WORD.findall(text.lower())]


def padded(texts: Sequence[str]) -> torch.Tensor:
    """Token numbers of texts, (n, longest), 0 behind the ends."""
    rows = [torch.tensor(tokens(text)) for text in texts]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


class TextTower(nn.Module):
    """Words to a unit vector: embedding, convolutions of width 7 and 1, sum over the text, linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(BUCKETS, 48, padding_idx=0)
        self.near = nn.Conv1d(48, 256, 7, padding=3)
        self.found = nn.Conv1d(256, 256, 1)
        self.out = nn.Linear(256, DIMENSION)

    def forward(self, texts: torch.Tensor) -> torch.Tensor:
        """(n, length) token numbers to (n, DIMENSION)."""
        near = functional.gelu(self.near(self.words(texts).transpose(1, 2)))
        found = functional.gelu(self.found(near))
        summed = (found * (texts > 0)[:, None]).sum(2) / 8
        return functional.normalize(self.out(summed), dim=1)


class ImageTower(nn.Module):
    """Pixels to a unit vector: three convolutions of stride 2, MLP."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, 1),
            nn.GELU(),
            nn.Conv2d(32, 64, 4, 2, 1),
            nn.GELU(),
            nn.Conv2d(64, 128, 4, 2, 1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(128 * 16, 256),
            nn.GELU(),
        )
        self.out = nn.Linear(256, DIMENSION)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(n, 3, SIZE, SIZE) in 0 to 1 to (n, DIMENSION)."""
        return functional.normalize(self.out(self.seen(images - 0.45)), dim=1)


class Towers(nn.Module):
    """Both towers."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.image = TextTower(), ImageTower()

    @torch.inference_mode()
    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of texts, (n, DIMENSION); equal for a text whatever stands beside it but for last bits."""
        parts = [self.text(padded(texts[start : start + 256])) for start in range(0, len(texts), 256)]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def images(self, images: Images) -> NDArray[np.float32]:
        """Unit vectors of images, (n, DIMENSION)."""
        parts = [self.image(torch.from_numpy(images[start : start + 256])) for start in range(0, len(images), 256)]
        return torch.cat(parts).numpy()

    def save(self, path: Path) -> None:
        """Writes both towers to one safetensors file."""
        save_file(self.state_dict(), str(path))

    @classmethod
    def load(cls, path: Path) -> "Towers":
        """The towers that `save` wrote."""
        towers = cls()
        towers.load_state_dict(load_file(str(path)))
        return towers.eval()


def train(towers: Towers, seed: int, scenes: int, epochs: int) -> Iterator[tuple[int, int]]:
    """Trains towers on pairs that are drawn and rendered afresh in every epoch.

    Args:
        towers: what is trained, in place, from weights that are drawn anew.
        seed: of the world.
        scenes: pairs an epoch.
        epochs: how many.

    Yields:
        Steps done and steps in all.
    """
    torch.manual_seed(seed)
    for part in towers.modules():
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Embedding):
            part.reset_parameters()
    with torch.no_grad():
        apart = APART * functional.normalize(torch.randn(DIMENSION), dim=0)
        towers.text.out.bias.add_(apart)
        towers.image.out.bias.sub_(apart)
    chance = np.random.default_rng((seed, 1))
    steps = scenes * epochs // BATCH
    optimiser = torch.optim.AdamW(towers.parameters(), RATE, weight_decay=0.01, fused=True)
    labels = torch.arange(BATCH)
    for step in range(steps):
        rate = RATE * min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        drawn = families(chance, BATCH // FAMILY)
        logits = (
            LOGIT_SCALE
            * towers.text(padded(captions(chance, drawn)))
            @ towers.image(torch.from_numpy(render(chance, drawn))).T
        )
        loss: Any = (functional.cross_entropy(logits, labels) + functional.cross_entropy(logits.T, labels)) / 2
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        yield step + 1, steps


def captions(chance: np.random.Generator, scenes: Scenes) -> list[str]:
    """A caption of each scene: one in eight sparse, the rest full."""
    few = chance.random(len(scenes)) < 0.125
    return [
        wording.sparse(chance, scene) if short else wording.full(chance, scene)
        for scene, short in zip(scenes.tolist(), few, strict=True)
    ]
