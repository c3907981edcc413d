"""How fast samples are compared with benchmarks: `python -m benchmarks.contamination [--rows N] [--texts N]`.

Captions are those of the rules engine. Of the benchmark's texts half are as long as a caption's sentence, half are
short questions; every thousandth caption is planted in it. Seconds of CPU; one core.
"""

import argparse
import resource
import time
from itertools import islice

from benchmarks.rules_engine import requests, rows
from unicorn_assets.curation.decontamination import Ngrams, Source
from unicorn_assets.engines.rules import RulesEngine
from unicorn_assets.text import words

PLANTED = 1000


def captions(count: int) -> list[str]:
    """Dense captions by the rules engine."""
    asked = requests([(sample, {"seed": seed}) for sample, seed in rows(count)], "expansion")
    return [answer.text for _, answer in RulesEngine().generate(asked)]


def benchmark(texts: list[str], count: int) -> list[tuple[Source, str]]:
    """Texts that no caption holds, but for every PLANTED-th caption's middle."""
    found = []
    for number in range(count // 2):
        said = words(texts[number % len(texts)])[:30]
        found.append(" ".join(word if place % 5 else f"{word}{number}" for place, word in enumerate(said)))
        found.append(f"what is beside the {said[number % len(said)]} number {number}")
    found += [" ".join(words(text)[10:30]) for text in islice(texts, 0, None, PLANTED)]
    return [(Source("benchmark", row, "question"), text) for row, text in enumerate(found, start=1)]


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--texts", type=int, default=50_000)
    chosen = parser.parse_args()
    texts = captions(chosen.rows)
    named = benchmark(texts, chosen.texts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    ngrams = Ngrams(named, 13, 5)
    built = time.process_time()
    found = sum(ngrams.match(text) is not None for text in texts)
    done = time.process_time()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    planted = len(range(0, len(texts), PLANTED))
    print(f"{len(texts):,} captions, {len(named):,} benchmark texts: index {built - started:.1f} s, {grown:,.0f} MiB;")
    print(f"compared in {done - built:.1f} s, {len(texts) / (done - built):,.0f} captions/s; {planted:,} planted")
    print(f"{found:,} found: the planted ones, and captions that have their middle in common with one of these")


if __name__ == "__main__":
    main()
