"""How fast the `rules` engine writes, and how varied: `python -m benchmarks.rules_engine [--rows N]`.

Seeds are the shipped ones; where there are too few, two of them are joined. Rows stand in the order of their ids, as in
the lake. Speeds are the median of five runs through `RulesEngine.generate`, in seconds of CPU: it has one thread.
"""

import argparse
import json
import statistics
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import get_args

from unicorn_assets.curation.diversity import distinct
from unicorn_assets.engines.base import DialogTask, Request, Sampling, Task
from unicorn_assets.engines.rules import RulesEngine
from unicorn_assets.engines.rules.phrases import article
from unicorn_assets.identity import row_seed, sample_id
from unicorn_assets.text import content_words, words

SEEDS = Path(__file__).parent.parent / "data" / "seeds"
RUNS = 5


def seeds() -> Iterator[str]:
    """Distinct seeds without an end: the open-domain ones, every label in every template, then pairs of captions."""
    lines = (SEEDS / "open_domain.jsonl").read_text(encoding="utf-8").splitlines()
    captions = [json.loads(line)["caption"] for line in lines]
    yield from captions
    for domain in tomllib.loads((SEEDS / "domains.toml").read_text(encoding="utf-8"))["domains"]:
        for template in domain["templates"]:
            for label in domain["labels"]:
                yield template.replace("{a label}", article(label)).replace("{label}", label)
    for step in range(1, len(captions)):
        for place, caption in enumerate(captions):
            yield f"{caption.rstrip('.')} and {captions[(place + step) % len(captions)]}"


def rows(count: int) -> list[tuple[str, str]]:
    """Ids and seeds, distinct, ordered by id."""
    found = dict(islice(((sample_id(seed), seed) for seed in dict.fromkeys(islice(seeds(), 2 * count))), count))
    return sorted(found.items())


def requests(pairs: list[tuple[str, dict[str, str]]], task: Task) -> list[Request]:
    return [
        Request(
            id=sample,
            task=task,
            messages=(),
            source=source,
            prompt_version="benchmark",
            schema=None,
            sampling=Sampling(temperature=0, top_p=1, max_tokens=512, seed=row_seed(sample, task)),
        )
        for sample, source in pairs
    ]


def timed(asked: list[Request]) -> tuple[list[str], float]:
    """The answers, and the median of answers a second."""
    engine, speeds, answers = RulesEngine(), [], []
    for _ in range(RUNS):
        start = time.process_time()
        answers = [answer.text for _, answer in engine.generate(asked)]
        speeds.append(len(asked) / (time.process_time() - start))
    return answers, statistics.median(speeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="number of captions")
    drawn = rows(parser.parse_args().rows)
    captions, speed = timed(requests([(sample, {"seed": seed}) for sample, seed in drawn], "expansion"))
    lengths = [len(words(caption)) for caption in captions]
    starts = Counter(tuple(words(caption)[:5]) for caption in captions)
    varied = distinct([word for caption in captions for word in words(caption)], 2)
    shared = sum(count for count in starts.values() if count > 1) / len(captions)
    kept = sum(
        set(content_words(seed)) <= set(words(caption)) for (_, seed), caption in zip(drawn, captions, strict=True)
    )
    print(f"captions                     {len(captions):>10,}")
    print(f"captions a second            {speed:>10,.0f}   wanted: 5,000")
    print(f"equal captions               {len(captions) - len(set(captions)):>10,}   wanted: 0")
    print(f"distinct-2, least window     {min(varied):>10.3f}   wanted: 0.35")
    print(f"distinct-2, mean             {statistics.mean(varied):>10.3f}")
    print(f"sharing first five words     {shared:>10.2%}   wanted: at most 2%")
    print(f"words, least                 {min(lengths):>10,}   wanted: 51")
    print(f"words, mean                  {statistics.mean(lengths):>10.1f}")
    print(f"words, most                  {max(lengths):>10,}   wanted: 180")
    print(f"keeping every content word   {kept / len(captions):>10.2%}   wanted: 100%")
    sources = [(s, {"seed": seed, "caption": c}) for (s, seed), c in zip(drawn[:1000], captions[:1000], strict=True)]
    for task in get_args(DialogTask):
        answers, speed = timed(requests(sources, task))
        fewest = 2 if task == "complex_reasoning" else 6
        short = sum(len(json.loads(answer)["pairs"]) < fewest for answer in answers)
        print(f"{task:<28} {speed:>10,.0f}   a second; {short / len(answers):.2%} with fewer than {fewest} pairs")


if __name__ == "__main__":
    main()
