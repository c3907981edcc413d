"""What a shard's captions are about, and whether a threshold takes a whole topic away."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from unicorn_assets.curation.collapse import entropy
from unicorn_assets.stages.base import CheckSpec, Finding, Finished

NAMED = 10
"""Emptied topics that are named."""


class Topics:
    """Counts the captions of each topic, kept and not.

    Args:
        seeds: `id` and `topic` of the shard's seeds in the order of their ids; a topic may be None.
    """

    def __init__(self, seeds: Iterator[Mapping[str, Any]]) -> None:
        self._seeds, self._current = seeds, next(seeds, None)
        self._kept, self._cut = Counter[str](), Counter[str]()

    def count(self, sample: str, rejected: str) -> None:
        """Takes in a caption, in the order of their ids, with the code of why it was rejected, or nothing."""
        while self._current is not None and self._current["id"] < sample:
            self._current = next(self._seeds, None)
        topic = self._current["topic"] if self._current is not None and self._current["id"] == sample else None
        if topic:
            self._kept[topic] += not rejected
            self._cut[topic] += rejected == "low_quality"

    def metrics(self) -> dict[str, Any]:
        """How many topics there are, how evenly their captions lie, in bits, and which the threshold emptied."""
        emptied = sorted(topic for topic, cut in self._cut.items() if cut and not self._kept[topic])
        return {
            "topics": sum(1 for count in self._kept.values() if count),
            "topic_entropy": round(entropy(self._kept), 4),
            "topics_emptied": len(emptied),
            "topics_emptied_first": emptied[:NAMED],
        }


def _topics_kept(finished: Finished) -> Finding:
    metrics = finished.made.metrics
    figures = {"emptied": metrics["topics_emptied"], "first": metrics["topics_emptied_first"]}
    return Finding(not metrics["topics_emptied"], figures | {"min_quality": finished.work.recipe.curation.min_quality})


TOPICS_KEPT = CheckSpec(
    "topics_kept",
    "The threshold of quality leaves each topic of the shard a caption; where it takes a rare one away it is too high.",
    _topics_kept,
    blocking=False,
    severity="WARN",
)
