"""How fast candidates are looked through: `python -m benchmarks.selection [--rows N] [--texts N]`.

Captions are those of the rules engine. Of the benchmark's texts half are as long as a caption's sentence, half are
short questions; every thousandth caption is planted in it. The mix has five parts and the rest, by topic, task and
length. Seconds of CPU; one core.
"""

import argparse
import resource
import time
from collections.abc import Callable
from itertools import islice

import numpy as np

from benchmarks.rules_engine import requests, rows
from unicorn_assets.curation.decisions import ids_of, merged
from unicorn_assets.curation.decontamination import Ngrams, Source
from unicorn_assets.engines.rules import RulesEngine
from unicorn_assets.identity import sample_id
from unicorn_assets.mix import Mix
from unicorn_assets.stages.candidates import Candidates, Corpus
from unicorn_assets.stages.mixing import meet
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


def corpus(texts: list[str]) -> Corpus:
    """The captions as candidates of pretraining, every second with a dialog, over 50 topics."""
    ids = ids_of(sorted(sample_id(text) for text in texts))
    numbers = np.asarray([int(one[-6:], 16) for one in ids.astype(str)])
    counted = np.asarray([len(words(text)) for text in texts], np.int32)

    def table(step: int, tasks: np.ndarray) -> Candidates:
        topics = (numbers % 50).astype(np.int32)[::step]
        return Candidates(ids[::step], topics, tasks.astype(np.int8)[::step], counted[::step])

    tables = {"pretrain": table(1, numbers * 0), "instruction": table(2, 1 + numbers % 3)}
    return Corpus(tuple(f"topic {number:02d}" for number in range(50)), (1,) * 50, len(texts), tables)


MIX = Mix.model_validate(
    {
        "wanted": [
            {"topic": "topic 07", "share": 0.02},
            {"topic": "topic 11", "task": "pretrain", "share": 0.01},
            {"task": "pretrain", "words": "40-89", "share": 0.3},
            {"task": "pretrain", "share": 0.3},
            {"task": "multiple_choice", "words": "100-", "share": 0.05},
        ]
    }
)


def timed(what: Callable[[], object]) -> float:
    """Seconds of CPU that it takes."""
    started = time.process_time()
    what()
    return time.process_time() - started


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

    made: list[Corpus] = []
    counting = timed(lambda: made.append(corpus(texts)))
    stay = {table: np.ones(len(one.ids), bool) for table, one in made[0].tables.items()}
    left: list[int] = []
    mixing = timed(lambda: left.append(len(merged([meet(MIX, made[0], stay).decided]))))
    candidates = sum(len(one) for one in stay.values())
    print(
        f"words of {len(texts):,} captions counted in {counting:.1f} s; mix of {candidates:,} candidates met in "
        f"{mixing:.1f} s, {left[0]:,} left out"
    )
    print(f"memory at its peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
