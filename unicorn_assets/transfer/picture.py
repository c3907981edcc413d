"""A picture of what a transfer did: where sets of embeddings lie, how alike their rows are, how their variance falls.

Arrays in, PNG out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from unicorn_assets.transfer.base import Rows
from unicorn_assets.transfer.rows import Doubles, norm

MOST_ROWS = 1_000
"""Rows of a set that are drawn; half a million pairs of them."""

_BINS = 80
_WITHIN = "Cosine between two rows of a set"
_CROSSED = "Cosine between two rows of a set (filled), of two sets (line)"
_COLOURS = ("#d95f02", "#4f43dd", "#1b9e77", "#666666")


def draw(
    sets: Mapping[str, Rows], *, against: str | None = None, spectra: Mapping[str, Sequence[float]] | None = None
) -> bytes:
    """Plots as PNG: a PCA of all sets together and, beside it, the cosines between rows; below, the sets' spectra.

    990 pixels wide, which is what the UI's dialog shows.

    Args:
        sets: embeddings of one dimension, (n, dimension), by what the legend calls them, at most four. The first
            MOST_ROWS of each are drawn, fewer as points where there are more than two sets; 2 are the least.
        against: the set to whose rows the others' cosines are drawn, too, as lines: the images, where there are some.
        spectra: the share of the variance along each axis, largest first, by the name of the set
            (`GapReport.spectra`); without it there is no third plot. Taken from all rows, not from those drawn, which
            are too few for it.

    Raises:
        ValueError: a set has fewer than 2 rows, or a name is not that of a set.
    """
    # Not pyplot, which would keep figures and a backend for the whole process.
    from matplotlib.figure import Figure

    parts = {name: np.asarray(rows[:MOST_ROWS], np.float64) for name, rows in sets.items()}
    _check(parts, against, spectra)
    colours = dict(zip(parts, _COLOURS, strict=False))
    figure = Figure(figsize=(11, 7.2 if spectra else 4.6), dpi=90, layout="constrained")
    plots = figure.subplot_mosaic("AB;CC", height_ratios=(4.2, 3)) if spectra else figure.subplot_mosaic("AB")
    _planes(plots["A"], parts, colours)
    _alike(plots["B"], parts, colours, against)
    if spectra:
        _spectra(plots["C"], spectra, colours)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2}
    for name, axes in plots.items():
        axes.legend(frameon=False, **({"loc": "lower left"} if name == "C" else below))
        axes.spines[["top", "right"]].set_visible(False)
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _check(parts: Mapping[str, Doubles], against: str | None, spectra: Mapping[str, Sequence[float]] | None) -> None:
    few = [name for name, rows in parts.items() if len(rows) < 2]
    if few:
        raise ValueError(f"{few[0]!r} has fewer than 2 rows")
    unknown = {*(spectra or ()), *([against] if against is not None else [])} - set(parts)
    if unknown:
        raise ValueError(f"{min(unknown)!r} is none of the sets")


def _planes(plane: Any, parts: Mapping[str, Doubles], colours: Mapping[str, str]) -> None:
    # Points fill most of the file, so there are fewer of a set where there are more than two sets.
    plan = project(np.concatenate(list(parts.values())))
    most = MOST_ROWS if len(parts) < 3 else MOST_ROWS // len(parts)
    for name, colour in colours.items():
        own = plan.place(parts[name])
        plane.scatter(own[:most, 0], own[:most, 1], s=9, alpha=0.5, linewidths=0, color=colour, label=name)
        plane.scatter(*own.mean(axis=0), marker="X", s=110, color=colour, edgecolors="black", zorder=3)
    plane.scatter(*plan.place(np.zeros((1, len(plan.centre))))[0], marker="+", s=220, color="black", zorder=4)
    plane.set(
        title="Principal components (X: mean of a set, +: origin)",
        xlabel=f"component 1 ({plan.shares[0]:.0%} of the variance)",
        ylabel=f"component 2 ({plan.shares[1]:.0%})",
    )


def _alike(alike: Any, parts: Mapping[str, Doubles], colours: Mapping[str, str], against: str | None) -> None:
    within = {name: cosines(parts[name]) for name in colours}
    across = {name: crossed(parts[name], parts[against]) for name in colours if against not in (None, name)}
    limits = min(float(one.min()) for one in (*within.values(), *across.values())), 1
    for name, found in within.items():
        label = f"{name}: {found.mean():.2f}"
        alike.hist(found, bins=_BINS, range=limits, density=True, alpha=0.55, color=colours[name], label=label)
    for name, found in across.items():
        label = f"{name} with {against}: {found.mean():.2f}"
        style = {"histtype": "step", "linewidth": 1.6, "color": colours[name]}
        alike.hist(found, bins=_BINS, range=limits, density=True, label=label, **style)
    alike.set(title=_CROSSED if across else _WITHIN, xlabel="cosine (mean in the legend)", yticks=[])


def _spectra(axes: Any, spectra: Mapping[str, Sequence[float]], colours: Mapping[str, str]) -> None:
    for name, colour in colours.items():
        levels = np.array([share for share in spectra.get(name, ()) if share > 0])
        if len(levels):
            axes.plot(np.arange(1, len(levels) + 1), levels, color=colour, linewidth=1.6, label=name)
    axes.set(
        title="Spectrum: variance along the principal axes", xlabel="rank of the axis", ylabel="share of the variance"
    )
    axes.set(xscale="log", yscale="log")


@dataclass(frozen=True)
class Plan:
    """The plane of the first two principal components of some rows.

    Args:
        centre: the rows' mean.
        axes: the components, (dimension, 2).
        shares: share of the rows' variance along each.
    """

    centre: Doubles
    axes: Doubles
    shares: tuple[float, float]

    def place(self, rows: Doubles) -> Doubles:
        """Where rows (n, dimension) lie in the plane, (n, 2)."""
        return (rows - self.centre) @ self.axes


def project(rows: Doubles) -> Plan:
    """The plane in which the rows, of 2 dimensions or more, lie farthest apart.

    A component's sign is set so that its largest weight is positive: equal rows give equal pictures.
    """
    centred = rows - rows.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    pair = axes[:, [-1, -2]]
    pair = pair * np.sign(pair[np.abs(pair).argmax(axis=0), [0, 1]])
    shares = values.clip(0) / max(float(values.clip(0).sum()), np.finfo(float).tiny)
    return Plan(rows.mean(axis=0), pair, (float(shares[-1]), float(shares[-2])))


def cosines(rows: Doubles) -> Doubles:
    """The cosine of every pair of different rows; a zero row has the cosine 0 to all."""
    unit = _unit(rows)
    return np.asarray((unit @ unit.T)[np.triu_indices(len(rows), 1)])


def crossed(one: Doubles, other: Doubles) -> Doubles:
    """The cosine of every row of one set with every row of the other; a zero row has the cosine 0 to all."""
    return np.asarray((_unit(one) @ _unit(other).T).ravel())


def _unit(rows: Doubles) -> Doubles:
    norms = norm(rows)
    return rows / np.where(norms > 0, norms, 1.0)[:, None]
