"""A picture of what a transfer did: where sets of embeddings lie, and how alike their rows are. Arrays in, PNG out."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from unicorn_assets.transfer.base import Rows
from unicorn_assets.transfer.rows import Doubles, norm

MOST_ROWS = 1_000
"""Rows of a set that are drawn; half a million pairs of them."""

_BINS = 80
_COLOURS = ("#d95f02", "#4f43dd", "#1b9e77", "#666666")


def draw(sets: Mapping[str, Rows]) -> bytes:
    """Two plots side by side as PNG: a PCA of all sets together, and of each set the cosines between its rows.

    Args:
        sets: embeddings of one dimension, (n, dimension), by what the legend calls them, at most four. The first
            MOST_ROWS of each are drawn; 2 are the least.

    Raises:
        ValueError: a set has fewer than 2 rows.
    """
    # Not pyplot, which would keep figures and a backend for the whole process.
    from matplotlib.figure import Figure

    parts = {name: np.asarray(rows[:MOST_ROWS], np.float64) for name, rows in sets.items()}
    few = [name for name, rows in parts.items() if len(rows) < 2]
    if few:
        raise ValueError(f"{few[0]!r} has fewer than 2 rows")
    figure = Figure(figsize=(11, 4.6), dpi=90, layout="constrained")
    plane, alike = figure.subplots(1, 2)
    plan, found = project(np.concatenate(list(parts.values()))), {name: cosines(rows) for name, rows in parts.items()}
    least = min(float(one.min()) for one in found.values())
    for (name, rows), colour in zip(parts.items(), _COLOURS, strict=False):
        own, mean = plan.place(rows), found[name].mean()
        plane.scatter(own[:, 0], own[:, 1], s=9, alpha=0.5, linewidths=0, color=colour, label=name)
        plane.scatter(*own.mean(axis=0), marker="X", s=110, color=colour, edgecolors="black", zorder=3)
        label = f"{name}: {mean:.2f}"
        alike.hist(found[name], bins=_BINS, range=(least, 1), density=True, alpha=0.55, color=colour, label=label)
    plane.scatter(*plan.place(np.zeros((1, len(plan.centre))))[0], marker="+", s=220, color="black", zorder=4)
    plane.set(
        title="Principal components (X: mean of a set, +: origin)",
        xlabel=f"component 1 ({plan.shares[0]:.0%} of the variance)",
        ylabel=f"component 2 ({plan.shares[1]:.0%})",
    )
    alike.set(title="Cosine between two rows of a set", xlabel="cosine (mean in the legend)", yticks=[])
    for axes in (plane, alike):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


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
    norms = norm(rows)
    unit = rows / np.where(norms > 0, norms, 1.0)[:, None]
    return np.asarray((unit @ unit.T)[np.triu_indices(len(rows), 1)])
