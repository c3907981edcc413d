"""Speed and size of the answer store: 100,000 answers of about 700 characters, put, read back, compacted, read back.

Run it with `python -m benchmarks.answer_store [ANSWERS] [FOLDER]`; the folder's disk is the one that is measured.
"""

import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from unicorn_assets.engines.base import Answer, Message, Model, Request, Sampling
from unicorn_assets.engines.store import AnswerStore
from unicorn_assets.identity import row_seed, sample_id
from unicorn_assets.text import FUNCTION_WORDS

MODEL = Model("rules", "rules", "1")
WORDS = sorted(FUNCTION_WORDS)
CHARACTERS = 700


def asked(answers: int) -> list[tuple[str, Request, Answer]]:
    """Keys, requests and answers in the order of their ids."""
    rows = []
    for sample in sorted(sample_id(f"seed {number}") for number in range(answers)):
        random_of_row = random.Random(row_seed(sample, "benchmark"))
        text = " ".join(random_of_row.choices(WORDS, k=CHARACTERS // 5))
        sampling = Sampling(0.7, 0.9, 512, row_seed(sample, "sampling"))
        request = Request(sample, "expansion", (Message("user", sample),), {}, "1", None, sampling)
        rows.append((request.key(MODEL), request, Answer(text, "stop", 120, 140)))
    return rows


def timed(answers: int, name: str, work: Callable[[], object]) -> None:
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(f"{name:<42}{answers / seconds:>12,.0f} answers/s {seconds:>8.2f} s")


def main() -> None:
    answers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rows = asked(answers)
    characters = sum(len(answer.text) for _, _, answer in rows) / answers
    print(f"{answers:,} answers of {characters:.0f} characters on average")
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        path = Path(folder) / "expanded_captions" / "shard-0000"

        def put() -> None:
            with AnswerStore(path) as store:
                for key, request, answer in rows:
                    store.put(key, request, MODEL, answer)

        def get() -> None:
            for key, _, answer in rows:
                if store.get(key) != answer:
                    raise AssertionError(key)

        timed(answers, "put, group fsync included", put)
        print(f"{'journal':<42}{path.with_suffix('.journal').stat().st_size / answers:>12,.0f} bytes an answer")
        timed(answers, "open with a journal", lambda: AnswerStore(path).close())
        with AnswerStore(path) as store:
            timed(answers, "get from the journal, in id order", get)
            timed(answers, "compact", store.compact)
            timed(answers, "get from Parquet, in id order", get)
        print(f"{'Parquet':<42}{path.with_suffix('.parquet').stat().st_size / answers:>12,.0f} bytes an answer")
        timed(answers, "open with Parquet", lambda: AnswerStore(path).close())
        tracemalloc.start()
        with AnswerStore(path):
            print(f"{'open store':<42}{tracemalloc.get_traced_memory()[0] / answers:>12,.0f} bytes of memory an answer")


if __name__ == "__main__":
    main()
