"""Near-duplicates in meaning: `python -m benchmarks.semantic_duplicates [ROWS] [DIMENSION]`.

Embeddings are drawn at random, a hundredth of them close to another one; what it takes depends on their number and
length alone. All of them against each other, then a last twentieth against all; the planted pairs are all there is.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from benchmarks.transfer import measured
from unicorn_assets.curation.duplicates.finding import Near
from unicorn_assets.curation.duplicates.semantic import find

COSINE, PLANTED = 0.97, 100


def embeddings(rows: int, dimension: int) -> NDArray[np.float16]:
    """Unit vectors; each of the last ones that are planted is close to one of the first."""
    rng = np.random.default_rng(1)
    drawn = rng.standard_normal((rows, dimension), np.float32)
    planted = rows // PLANTED
    drawn[rows - planted :] = drawn[:planted] + 0.1 * drawn[rows - planted :]
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn.astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=20_000)
    parser.add_argument("dimension", nargs="?", type=int, default=384)
    chosen = parser.parse_args()
    vectors, rows = embeddings(chosen.rows, chosen.dimension), np.arange(chosen.rows)
    for label, new in (("all", rows >= 0), ("the last twentieth", rows >= chosen.rows * 19 // 20)):
        found: list[Near] = []

        def work(new: NDArray[np.bool_] = new, found: list[Near] = found) -> None:
            found.append(find(rows, new, lambda own: vectors[own], COSINE))

        seconds, used, mb = measured(work)
        print(
            f"{label:<20} {new.sum():,} of {chosen.rows:,} x {chosen.dimension}: {seconds:.2f} s, {used:.2f} s of CPU, "
            f"{mb:,.0f} MB; {len(found[0]):,} pairs, {chosen.rows // PLANTED:,} planted"
        )


if __name__ == "__main__":
    main()
