"""Captions encoded a second, ours against plain sentence-transformers, and how far the vectors are from each other's.

Run it with `python -m benchmarks.encoding [--rows N] [--rounds N] [--dtype D] [--threads N]`. The captions are the
`rules` engine's. Plain is `SentenceTransformer.encode` with its own defaults (float32, 32 at a time); ours is what the
asset `text_embeddings` does with a window of captions: their tokens counted, then encoded. In a round both have their
turn; a figure is the median over the rounds, so that whatever else the machine does meets both.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.rules_engine import requests, rows
from unicorn_assets import recipe
from unicorn_assets.encoders.sentence import SentenceEncoder
from unicorn_assets.encoders.weights import locate
from unicorn_assets.engines.rules import RulesEngine

WANTED = {"bfloat16": 2.5, "float32": 1.0}
WANTED_COSINE = 0.999

Encode = Callable[[], "np.ndarray[Any, Any]"]


def timed(encode: Encode) -> tuple[np.ndarray[Any, Any], float]:
    start = time.perf_counter()
    return encode(), time.perf_counter() - start


def compare(name: str, rounds: list[tuple[float, float]], captions: int, wanted: float) -> None:
    """Prints the medians of the rounds (plain's seconds, ours)."""
    speeds = [statistics.median(captions / seconds for seconds in side) for side in zip(*rounds, strict=True)]
    ratios = sorted(plain / ours for plain, ours in rounds)
    shown = f"{statistics.median(ratios):.2f} times plain (from {ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"{name:<10}{speeds[1]:>10.1f}{speeds[0]:>10.1f}   {shown:<42} wanted: {wanted}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=512, help="captions a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="ours; by default what `auto` is here")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()

    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(options.threads)
    asked = requests([(sample, {"seed": seed}) for sample, seed in rows(options.rows)], "expansion")
    captions = [answer.text for _, answer in RulesEngine().generate(asked)]
    ours = SentenceEncoder(recipe.Encoder(dtype=options.dtype or "auto"))
    plain = SentenceTransformer(str(locate(ours.name)), device=ours.device)

    def plainly() -> np.ndarray[Any, Any]:
        return np.asarray(plain.encode(captions, show_progress_bar=False))

    def window() -> np.ndarray[Any, Any]:
        ours.token_counts(captions)
        return ours.encode(captions)

    tokens = statistics.mean(ours.token_counts(captions))
    print(f"{len(captions):,} captions of {tokens:.0f} tokens, {options.threads} threads, {ours.device}")
    print(f"{'':<10}{'ours/s':>10}{'plain/s':>10}")
    exact, vectors = plainly(), ours.encode(captions)
    taken = []
    for _ in range(options.rounds):
        ours.token_counts(captions[:1])  # so that those of the whole window are not known from the round before
        taken.append((timed(plainly)[1], timed(window)[1]))
    compare(ours.dtype, taken, len(captions), WANTED[ours.dtype])
    cosines = (exact * vectors).sum(axis=1) / np.linalg.norm(exact, axis=1)
    print(f"cosine to plain: {cosines.mean():.6f} in the mean, {cosines.min():.6f} at least   wanted: {WANTED_COSINE}")


if __name__ == "__main__":
    main()
