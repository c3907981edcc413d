"""The figures of a gap report: numbers with errors, as JSON values and in words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydantic import TypeAdapter

from unicorn_assets.transfer.metrics import words
from unicorn_assets.transfer.metrics.figure import Figure
from unicorn_assets.transfer.metrics.pairs import PairFigures

SHOWN = 10
"""Axes of a spectrum that `GapReport.figures` keeps."""

DECIMALS = 9
"""What is smaller is rounding of sums, which another order of adding up would change."""

MAIN_ALONE = ("mean_cosine", "centroid_norm", "effective_dimension")
MAIN_BETWEEN = ("mixing_rate", "frechet", "cosine_divergence", "centroid_distance")
"""Figures of `GapReport.main`, of the texts alone and of texts against images."""

Value = float | Figure | None


@dataclass(frozen=True, slots=True)
class SetFigures:
    """One set of embeddings by itself.

    Args:
        rows: how many there are.
        centroid_norm: length of the mean.
        trace: total variance.
        mean_cosine: between two rows.
        anisotropy_ratio, effective_dimension, effective_rank, exponent: of the spectrum (`spectrum`).
        spectrum: share of the variance along each axis, largest first.
    """

    rows: int
    centroid_norm: float
    trace: float
    mean_cosine: float
    anisotropy_ratio: float | None
    effective_dimension: float | None
    effective_rank: float | None
    exponent: float | None
    spectrum: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Preservation:
    """What a transfer keeps of the texts (arXiv 2605.07825): 1 where nothing is lost.

    Args:
        phi: mean cosine of a text and its transfer; exact.
        psi: correlation of the cosines between texts before and after.
        omega: share of the nearest neighbours kept.
    """

    phi: Figure
    psi: Figure | None
    omega: Figure


@dataclass(frozen=True, slots=True)
class Between:
    """Texts against images; see `explain` for what each figure means.

    Args:
        centroid_distance, centroid_chance, trace_ratio, covariance_difference, cross_cosine: `distance`.
        frechet: Frechet distance, of covariances with the shrinkage of (texts, images).
        shrinkage: see `distance.frechet`.
        spectrum_correlation: `spectrum.spectrum_correlation`.
        subspace_overlap: of the first `overlap_axes` axes; `overlap_by_chance` is that of random subspaces.
        mixing_rows: rows of each set among which neighbours were sought.
        mixing_rate, mixing_texts, mixing_images: `neighbours.mixing`.
        cosine_divergence: `cosines.divergence`.
        pairs: where each text came with its own image.
    """

    centroid_distance: float
    centroid_chance: float
    trace_ratio: float | None
    frechet: float
    shrinkage: tuple[float, float]
    covariance_difference: float
    cross_cosine: float
    relative_gap: float
    spectrum_correlation: float | None
    subspace_overlap: float | None
    overlap_axes: int
    overlap_by_chance: float
    mixing_rows: int
    mixing_rate: Figure
    mixing_texts: Figure | None
    mixing_images: Figure | None
    cosine_divergence: Figure
    pairs: PairFigures | None


@dataclass(frozen=True, slots=True)
class GapReport:
    """All figures of a transfer. A plain number is exact on every row; a `Figure` has its error beside it.

    Args:
        dimension: length of an embedding.
        k: neighbours of a row; fewer than asked for where there are not as many rows.
        pool: most rows of a set that a `Figure` was taken on.
        before, after: the texts before and after the transfer.
        images: the images, where some were given.
        used: the images as they are to be used with the texts after the transfer, where that is not as they are.
        preservation: what the transfer keeps of the texts.
        gap_before, gap_after: texts against images; after the transfer, against these as used.
    """

    dimension: int
    k: int
    pool: int
    before: SetFigures
    after: SetFigures
    images: SetFigures | None
    used: SetFigures | None
    preservation: Preservation
    gap_before: Between | None
    gap_after: Between | None

    @classmethod
    def restore(cls, figures: Mapping[str, Any]) -> Self:
        """The report again from its figures.

        Raises:
            ValueError: they are not those of a report.
        """
        return TypeAdapter(cls).validate_python(figures)

    def figures(self, axes: int | None = SHOWN) -> dict[str, Any]:
        """Every figure as JSON values, to six digits and DECIMALS; the first `axes` of each spectrum, all for None."""
        return {name: _shown(value, axes) for name, value in asdict(self).items()}

    def spectra(self) -> dict[str, tuple[float, ...]]:
        """The spectrum of each set, by the name of the set."""
        return {name: one.spectrum for name, one in self._sets().items()}

    def main(self) -> dict[str, tuple[Value, Value]]:
        """The figures to look at first, by name: before and after the transfer; None where there is no such figure."""
        kept = self.preservation
        found: dict[str, tuple[Value, Value]] = {"omega": (None, kept.omega), "psi": (None, kept.psi)}
        found["phi"] = (None, kept.phi)
        found |= {name: (getattr(self.before, name), getattr(self.after, name)) for name in MAIN_ALONE}
        if self.gap_before is not None:
            found |= {name: (getattr(self.gap_before, name), getattr(self.gap_after, name)) for name in MAIN_BETWEEN}
        return found

    def _sets(self) -> dict[str, SetFigures]:
        sets = {"before": self.before, "after": self.after, "images": self.images, "used": self.used}
        return {name: one for name, one in sets.items() if one is not None}

    def explain(self) -> str:
        """The figures in words, as Markdown: what each is before and after the transfer, and what it means."""
        parts = [f"{words.HEAD}\n\n{words.PRESERVATION}", _lines([asdict(self.preservation)])]
        sets = self._sets()
        parts += [words.SETS[len(sets)], _lines([asdict(one) for one in sets.values()])]
        if self.gap_before is None or self.gap_after is None:
            return "\n\n".join([*parts, words.NO_IMAGES])
        parts += [words.BETWEEN, _lines([asdict(self.gap_before), asdict(self.gap_after)])]
        if self.gap_before.pairs and self.gap_after.pairs:
            parts += [words.PAIRS, _lines([asdict(self.gap_before.pairs), asdict(self.gap_after.pairs)])]
        return "\n\n".join(parts)


def _lines(sets: list[dict[str, Any]]) -> str:
    """A bullet for each figure that has a meaning, with its value in each of the sets."""
    return "\n".join(
        f"- **{name.replace('_', ' ')}** {' → '.join(in_words(one[name]) for one in sets)}: {words.MEANINGS[name]}"
        for name in sets[0]
        if name in words.MEANINGS
    )


def in_words(value: Any) -> str:
    """A figure as people read it, with its error where it has one."""
    match value:
        case None:
            return "none"
        case Figure(figure, error) | {"value": figure, "error": error}:
            return f"{figure:.4g} ± {error:.1g}" if error else f"{figure:.4g}"
        case tuple():
            return "/".join(in_words(one) for one in value)
        case int():
            return f"{value:,}"
    return f"{value:.4g}"


def _shown(value: Any, axes: int | None) -> Any:
    match value:
        case dict():
            return {name: _shown(one, axes) for name, one in value.items()}
        case tuple():
            return [_shown(one, axes) for one in value[:axes]]
        case float():
            return float(f"{round(value, DECIMALS):.6g}")
    return value
