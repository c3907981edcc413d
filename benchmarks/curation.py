"""How fast captions and dialogs are judged: `python -m benchmarks.curation [--rows N]`.

Captions and dialogs of the `rules` engine about the seeds of `benchmarks.rules_engine`; the share of captions that gets
a dialog, and of which task, is the recipe's default. Every part is timed in seconds of CPU of one thread, without the
writing; the first half of the rows apart from all, since it should take half the time. Nothing is kept between shards.
"""

import argparse
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.rules_engine import requests, rows
from unicorn_assets.curation import dialogs, rules
from unicorn_assets.curation.faithfulness import contradictions
from unicorn_assets.curation.statements import Statements
from unicorn_assets.engines.base import DialogTask
from unicorn_assets.engines.rules import RulesEngine
from unicorn_assets.judging import Curation, DialogRules
from unicorn_assets.recipe import Dialogs
from unicorn_assets.stages.dialogs import TASKS, task_of
from unicorn_assets.stages.meters import METERED, text_meters
from unicorn_assets.synthesis.answers import InvalidAnswer, Turn, parse_dialog

SHARD = 5_000
"""Captions of a shard."""

LIMIT_SECONDS, LIMIT_MIB = 300, 2048


class Clock:
    """Seconds of CPU by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, part: str, work: Callable[[], Any]) -> Any:
        """What `work` gives; its time is added to the part's."""
        start = time.process_time()
        found = work()
        self.seconds[part] = self.seconds.get(part, 0.0) + time.process_time() - start
        return found


Spoken = tuple[DialogTask, tuple[Turn, ...], str]


def shard(engine: RulesEngine, drawn: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[Spoken]]:
    """Seeds with their captions, and the dialogs of some of them."""
    asked = requests([(sample, {"seed": seed}) for sample, seed in drawn], "expansion")
    captions = [(request, answer.text) for request, answer in engine.generate(asked)]
    return [(one.source["seed"], caption) for one, caption in captions], list(
        spoken(engine, {one.id: {"seed": one.source["seed"], "caption": caption} for one, caption in captions})
    )


def spoken(engine: RulesEngine, sources: dict[str, dict[str, str]]) -> Iterator[Spoken]:
    chosen = Dialogs()
    for task in TASKS:
        asked = [(sample, source) for sample, source in sources.items() if task_of(sample, chosen) == task]
        for request, answer in engine.generate(requests(asked, task)):
            try:
                yield task, parse_dialog(task, answer.text, request.id).turns, request.source["caption"]
            except InvalidAnswer:
                continue


def judged(clock: Clock, pairs: list[tuple[str, str]], talks: list[Spoken]) -> Counter[str]:
    """Judges a shard as its stages do; what was found, by reason."""
    limits, dialog_limits = Curation(), DialogRules()
    found: Counter[str] = Counter()
    plain = limits.model_copy(update={"contradictions": False})
    clock.time("rules of wording, length, seed words", lambda: [rules.judge(*pair, plain) for pair in pairs])
    against = clock.time(
        "contradictions", lambda: [contradictions(Statements(seed), Statements(text)) for seed, text in pairs]
    )
    clock.time("quality and measures", lambda: [rules.measures(*pair).quality.score for pair in pairs])
    verdicts = clock.time(
        "dialog rules", lambda: [dialogs.judge(task, turns, text, dialog_limits) for task, turns, text in talks]
    )
    asked = [turn.question for _, turns, _ in talks for turn in turns][:METERED]
    clock.time("meters", lambda: (text_meters(text for _, text in pairs[:METERED]), text_meters(asked)))
    found.update(reason.code for reasons in against for reason in reasons)
    found.update(fault.reason.code for verdict in verdicts for fault in verdict.faults)
    found["dialogs"] += len(talks)
    found["turns"] += sum(len(turns) for _, turns, _ in talks)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="number of captions")
    count = parser.parse_args().rows
    engine, clock, found, half, done = RulesEngine(), Clock(), Counter[str](), 0.0, 0
    drawn = rows(count)
    for start in range(0, len(drawn), SHARD):
        part = drawn[start : start + SHARD]
        found += judged(clock, *shard(engine, part))
        done += len(part)
        if done <= count / 2:
            half = sum(clock.seconds.values())
    total = sum(clock.seconds.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"captions                               {done:>10,}   dialogs {found['dialogs']:,}, turns {found['turns']:,}"
    )
    for name, seconds in clock.seconds.items():
        print(f"{name:<38} {seconds:>10.1f} s   {done / seconds:,.0f} captions/s")
    print(f"all                                    {total:>10.1f} s   wanted: {LIMIT_SECONDS} s for 100,000 captions")
    print(f"the first half                         {half / total:>10.0%}")
    print(f"peak memory                            {peak:>8,.0f} MiB   wanted: {LIMIT_MIB:,} MiB")
    for reason in sorted(found.keys() - {"dialogs", "turns"}):
        print(f"found: {reason:<31} {found[reason]:>10,}")


if __name__ == "__main__":
    main()
