"""What the rows of a table are like, counted while they are written: how long, how many turns, which tasks."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from unicorn_assets.release.manifest import Figures, Spread


@dataclass
class Counting:
    """Figures of one table over all its splits. As many numbers are kept as there are different lengths."""

    words: Counter[int] = field(default_factory=Counter)
    questions: Counter[int] = field(default_factory=Counter)
    tasks: Counter[str] = field(default_factory=Counter)

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Counts rows with their `caption`, their `conversations` and, where they have one, their `task`."""
        for row in rows:
            self.words[len(row["caption"].split())] += 1
            self.questions[len(row["conversations"]) // 2] += 1
            if "task" in row:
                self.tasks[row["task"]] += 1

    def figures(self) -> Figures:
        """What was counted."""
        return Figures(
            caption_words=spread(self.words), questions=spread(self.questions), tasks=dict(sorted(self.tasks.items()))
        )


def spread(counts: Counter[int]) -> Spread | None:
    """Least, median, mean and greatest of what was counted; None of nothing. The median is the lower of two."""
    total = counts.total()
    if not total:
        return None
    seen, values = 0, sorted(counts)
    for median in values:
        seen += counts[median]
        if 2 * seen >= total:
            break
    mean = sum(value * count for value, count in counts.items()) / total
    return Spread(least=values[0], median=median, mean=round(mean, 2), most=values[-1])
