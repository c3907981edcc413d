"""How near methods without pairs come to a map fitted on pairs: `python -m benchmarks.unpaired [--worlds N]`.

No model is trained here. What is spoken of is a set of four things out of 60, of unequal frequency, and how strongly
each shows: a text embedding is the sum of their vectors, an image embedding the same sum after another linear map and a
shift; each has noise of its own on top, in directions of its own, so that a text says only so much about its image
(R2, what pairs teach on other pairs). 12,000 texts, 4,000 images and 2,000 pairs to ask about are drawn apart, 128
dimensions. `turn` is by how far images are turned in random planes, in degrees; in the other mix, the frequencies of
things in the images are shuffled. A figure is the mean cosine of a carried text and its image, both less their means:
1 is the image itself. Medians over the worlds.
"""

import argparse
import statistics
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from unicorn_assets.transfer.base import Method, Rows
from unicorn_assets.transfer.matched import Matched
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.realign import Anchor
from unicorn_assets.transfer.regression import regress
from unicorn_assets.transfer.rows import directions
from unicorn_assets.transfer.statistics import Moments

THINGS, TOLD, WIDTH = 60, 4, 128


@dataclass(frozen=True)
class World:
    """What texts and images have in common, and what each has of its own."""

    chance: np.random.Generator
    words: NDArray[np.float64]
    seen: NDArray[np.float64]
    shift: NDArray[np.float64]
    noises: list[NDArray[np.float64]]

    @classmethod
    def drawn(cls, seed: int, turn: float, noise: float) -> "World":
        """A world in which images are turned by so many degrees."""
        chance = np.random.default_rng(seed)
        axes = np.linalg.qr(chance.normal(size=(WIDTH, WIDTH)))[0]
        angle = np.radians(turn)
        plane = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        stretched = np.diag(np.exp(chance.normal(size=WIDTH) * 0.3)) @ axes.T
        seen = axes @ np.kron(np.eye(WIDTH // 2), plane) @ stretched
        sizes = np.geomspace(1.5, 0.2, WIDTH) * noise * 2 / np.sqrt(WIDTH)
        noises = [np.diag(sizes) @ np.linalg.qr(chance.normal(size=(WIDTH, WIDTH)))[0] for _ in range(2)]
        words = chance.normal(size=(THINGS, WIDTH)) / np.sqrt(WIDTH)
        return cls(chance, words, seen, chance.normal(size=WIDTH) * 3 / np.sqrt(WIDTH), noises)

    def sides(self, count: int, frequencies: NDArray[np.float64]) -> tuple[Rows, Rows]:
        """Texts and images of the same things, (count, WIDTH) each."""
        drawn = np.log(frequencies) + self.chance.gumbel(size=(count, THINGS))
        told = np.zeros((count, THINGS))
        np.put_along_axis(told, np.argpartition(-drawn, TOLD, axis=1)[:, :TOLD], 1, axis=1)
        meant = (told * self.chance.uniform(0.6, 1.4, told.shape)) @ self.words
        own = [self.chance.normal(size=(count, WIDTH)) @ one for one in self.noises]
        offset = np.ones(WIDTH) * 1.5 / np.sqrt(WIDTH)
        rows = (meant + own[0] + offset, meant @ self.seen + own[1] + self.shift)
        return directions(rows[0]).astype(np.float32), directions(rows[1]).astype(np.float32)


def moments(rows: Rows) -> Moments:
    found = Moments(rows.shape[1])
    found.add(rows)
    return found


def realign(texts: Rows, images: Rows) -> Method:
    anchor = Anchor.fit(moments(texts), moments(images))
    return anchor.finish(moments(anchor.step(texts)))


def around(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    return directions(rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64))


def figures(seed: int, turn: float, noise: float, other: bool) -> list[float]:
    """R2 of a map fitted on pairs, its cosine, and those of mean_shift, realign and matched."""
    world = World.drawn(seed, turn, noise)
    usual = np.geomspace(1, 0.1, THINGS)
    texts, _ = world.sides(12_000, usual)
    _, images = world.sides(4_000, world.chance.permutation(usual) if other else usual)
    taught, asked = world.sides(4_000, usual), world.sides(2_000, usual)
    goal = around(asked[1])
    paired = regress(*(side.astype(np.float64) for side in taught))
    told = (asked[0] - paired.source) @ paired.matrix + paired.target
    r2 = 1 - ((told - asked[1]) ** 2).sum() / ((asked[1] - asked[1].mean(axis=0)) ** 2).sum()
    methods = (MeanShift.fit(moments(texts)), realign(texts, images), Matched.fit(texts, images))
    carried = [told.astype(np.float32), *(method.apply(asked[0]).vectors for method in methods)]
    return [float(r2), *(float(np.vecdot(around(rows), goal).mean()) for rows in carried)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=3)
    worlds = parser.parse_args().worlds
    print(f"{'turn':>5} {'mix':>6} {'R2':>6} {'paired':>8} {'shift':>8} {'realign':>8} {'matched':>8}")
    for turn, other, noise in product((0, 30, 65), (False, True), (0.2, 0.6, 1.0)):
        found = zip(*(figures(seed, turn, noise, other) for seed in range(worlds)), strict=True)
        r2, *cosines = (statistics.median(one) for one in found)
        mix = "other" if other else "same"
        print(f"{turn:>5} {mix:>6} {r2:>6.2f} " + " ".join(f"{one:>8.3f}" for one in cosines), flush=True)


if __name__ == "__main__":
    main()
