"""The comparison written down: one Markdown file with the table, what made it, and a plot beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unicorn_assets.lake.files import whole, write_whole
from unicorn_assets.proof.experiment import Plan
from unicorn_assets.proof.sizes import SIZES
from unicorn_assets.proof.table import Scores, findings, plot, table

TABLE, PLOT = "proof.md", "proof.png"

_MEASURES = """\
Each reader is asked what is at each of the four places of images that nothing in its training showed. `places` is the
share of right answers over all places, of which about half are empty, so that "nothing" everywhere gets half of them;
`occupied` counts only places where something is; `exact` is the share of scenes of which every place is right. `way` is
how much of the distance from no alignment to the ceiling a row goes, in each world. Means ± standard deviation over
the worlds that a row was made in.
"""


def write(plan: Plan, results: Sequence[Mapping[str, Any]], gaps: Sequence[Mapping[str, float]], folder: Path) -> str:
    """Writes TABLE and PLOT to a folder and returns the table's text.

    Args:
        plan: what was compared.
        results: as `experiment.results` returns them.
        gaps: as `experiment.gaps` returns them.
        folder: where both go.

    Raises:
        LakeError: a file cannot be written.
    """
    scores = Scores(results)
    made_by = results[0]["made_by"]
    size = SIZES[plan.size]
    seconds = [one["seconds"] for one in results]
    lines = [
        _MEASURES,
        *(f"- {one}" for one in findings(scores, gaps)),
        "",
        table(scores),
        "",
        f"![The same as a plot]({PLOT})",
        "",
        f"Made by `unicorn proof --size {plan.size} --seeds {plan.seeds} --readers {plan.readers}` with torch "
        f"{made_by['torch']} and numpy {made_by['numpy']}: seeds 0 to {plan.seeds - 1}; {size.captions:,} seeds a "
        f"world, {size.reference:,} reference images, {size.pairs:,} pairs, {size.tests:,} test images, none of them "
        f"in two of these sets; {sum(seconds) / len(seconds):.0f} s of one thread a row and seed, at most "
        f"{max(seconds):.0f} s.",
        "",
    ]
    text = "\n".join(lines)
    write_whole(folder / TABLE, text)
    with whole(folder / PLOT) as draft:
        draft.write_bytes(plot(scores))
    return text
