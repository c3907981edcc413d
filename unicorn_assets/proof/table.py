"""The comparison as a table and a plot: means and spreads over the worlds, and shares of the way to the ceiling."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from unicorn_assets.proof.rows import GROUPS, ROWS

BLIND, FLOOR, CEILING, PAIRED, TEXT = "blind", "none", "images", "paired", "text_on_text"
OURS, PEER = "matched", "realign"


@dataclass(frozen=True, slots=True)
class Figures:
    """One measure over the worlds.

    Args:
        values: of each seed, by seed.
    """

    values: Mapping[int, float]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.fmean(self.values.values())

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds, 0 of a single one."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else 0.0

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.spread:.3f}" if len(self.values) > 1 else f"{self.mean:.3f}"


class Scores:
    """All results, averaged over the readers of a world.

    Args:
        results: as `experiment.run` returns them.
    """

    def __init__(self, results: Sequence[Mapping[str, Any]]) -> None:
        found: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for one in results:
            for measure, value in one["score"].items():
                found[one["row"], measure][one["seed"]].append(value)
            for measure, value in (one["described"] or {}).items():
                found[f"{one['row']}, described", measure][one["seed"]].append(value)
        self._means = {
            key: {seed: statistics.fmean(values) for seed, values in seeds.items()} for key, seeds in found.items()
        }

    def of(self, row: str, measure: str) -> Figures | None:
        """A measure of a row; None where the row is not there."""
        values = self._means.get((row, measure))
        return Figures(values) if values else None

    def share(self, row: str, measure: str) -> Figures | None:
        """How much of the way from no alignment to the ceiling a row goes, in each world that has all three."""
        here, floor, ceiling = (self._means.get((name, measure), {}) for name in (row, _floor(row), CEILING))
        seeds = here.keys() & floor.keys() & ceiling.keys()
        shares = {
            seed: (here[seed] - floor[seed]) / (ceiling[seed] - floor[seed])
            for seed in sorted(seeds)
            if ceiling[seed] > floor[seed]
        }
        return Figures(shares) if shares else None


def table(scores: Scores) -> str:
    """The comparison as Markdown."""
    lines = []
    for group, heading in GROUPS.items():
        rows = [(name, row) for name, row in ROWS.items() if row.group == group and scores.of(name, "places")]
        if not rows:
            continue
        lines += [
            "",
            f"**{heading}**",
            "",
            "| trained on | worlds | places | occupied | exact | way, places | way, exact |",
        ]
        lines.append("|---|---|---|---|---|---|---|")
        for name, row in rows:
            figures = [scores.of(name, measure) for measure in ("places", "occupied", "exact")]
            # Without an image, or with other data, a row is on no way between the two.
            on_the_way = group != "ablation" and name != BLIND
            figures += [scores.share(name, measure) if on_the_way else None for measure in ("places", "exact")]
            lines.append(_line(row.title, figures))
            told = [scores.of(f"{name}, described", measure) for measure in ("places", "occupied", "exact")]
            if told[0] is not None:
                lines.append(_line(f"{row.title}, by its description", [*told, None, None]))
    return "\n".join(lines).strip()


def _line(title: str, figures: Sequence[Figures | None]) -> str:
    worlds = len(figures[0].values) if figures[0] else 0
    return " | ".join([f"| {title}", str(worlds), *("" if one is None else str(one) for one in figures)]) + " |"


def findings(scores: Scores, gaps: Sequence[Mapping[str, float]] = ()) -> list[str]:
    """What the proof is asked, answered by the figures; one sentence each.

    Args:
        scores: all results.
        gaps: the gap of each world, `World.gap`.
    """
    said = []
    if gaps:
        mean = {name: statistics.fmean(one[name] for one in gaps) for name in gaps[0]}
        said.append(
            f"The gap: centroids {mean['centroid_distance']:.2f} apart, cosine of a pair {mean['paired_cosine']:.2f}; "
            f"a shift explains {mean['shift_share']:.2f} of its energy, {mean['shift_share_far']:.2f} of the far gap's."
        )
    text, ceiling = (scores.of(name, "exact") for name in (TEXT, CEILING))
    if text and ceiling:
        said.append(f"The world: text on text {text.mean:.3f} exact, the ceiling {ceiling.mean:.3f}.")
    for name, what in ((PAIRED, "A map fitted on pairs"), (OURS, "`matched`"), (PEER, "`realign`")):
        ways = [scores.share(name, measure) for measure in ("places", "exact")]
        if ways[0] and ways[1]:
            said.append(f"{what} goes {ways[0].mean:.0%} of the way in places, {ways[1].mean:.0%} in exact scenes.")
    won = [_won(scores, measure) for measure in ("places", "exact")]
    if won[0] and won[1]:
        said.append(f"`matched` is ahead of `realign` in {won[0]} worlds in places, in {won[1]} in exact scenes.")
    ours_other, ours_here = scores.share("matched_other", "places"), scores.share(OURS, "places")
    if ours_other and ours_here:
        kept = ours_other.mean / ours_here.mean
        said.append(f"With a reference of another mix, `matched` goes {ours_other.mean:.0%}, {kept:.0%} of that.")
    return said


def _won(scores: Scores, measure: str) -> str:
    """In how many worlds, of those that have both, ours is ahead of the peer: "2 of 3"; "" where none has both."""
    ours, peer = scores.of(OURS, measure), scores.of(PEER, measure)
    both = ours.values.keys() & peer.values.keys() if ours and peer else set()
    return f"{sum(ours.values[seed] > peer.values[seed] for seed in both)} of {len(both)}" if ours and peer else ""


def plot(scores: Scores) -> bytes:
    """The comparison as a picture, PNG: a bar a row, a dot a world."""
    from matplotlib.figure import Figure

    names = [name for group in GROUPS for name, row in ROWS.items() if row.group == group and scores.of(name, "places")]
    figure = Figure(figsize=(12, 0.36 * len(names) + 1.6), dpi=90, layout="constrained")
    for axes, measure in zip(figure.subplots(1, 2, sharey=True), ("places", "exact"), strict=True):
        for height, name in enumerate(reversed(names)):
            found = scores.of(name, measure)
            assert found is not None
            colour = "#4f43dd" if name.endswith(OURS) or "matched" in name else "#b9b4f0"
            axes.barh(height, found.mean, color=colour, height=0.7)
            axes.plot(list(found.values.values()), [height] * len(found.values), "o", color="black", markersize=3)
        for name, style in ((FLOOR, ":"), (CEILING, "--")):
            line = scores.of(name, measure)
            if line:
                axes.axvline(line.mean, color="#d95f02", linestyle=style, linewidth=1)
        axes.set(title=f"{measure}: share of right answers", xlim=(0, 1))
        axes.margins(y=0.01)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_yticks(range(len(names)), [_label(name) for name in reversed(names)])
    figure.supxlabel("A bar is a mean, a dot a world; dotted: no alignment, dashed: trained on images", fontsize=9)
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _label(name: str) -> str:
    prefix = {"far": "far gap: ", "other mix": ""}.get(ROWS[name].group, "")
    return prefix + ROWS[name].title.replace("`", "")


def _floor(row: str) -> str:
    return "far_none" if row.startswith("far_") else FLOOR
