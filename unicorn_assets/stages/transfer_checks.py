"""What should hold of a transfer: where it was fitted, and at each shard that it is applied to. They warn, all of them.

None blocks: a transfer that does little is a worse data set and no broken one, and whoever reads the warning decides.
"""

from typing import Any

from unicorn_assets.stages.base import CheckSpec, Finding, Finished
from unicorn_assets.transfer.fitting import SETTLED
from unicorn_assets.transfer.metrics.results import Between, GapReport

GAP = "gap"
"""The metric that holds the figures of a fit's gap report."""

KEPT_NEIGHBOURS = 0.5
"""Least share of nearest neighbours (Omega) that a text should keep.

Published methods keep 0.84 to 0.95, the whitening that ReAlign tried and dropped 0.10 (arXiv 2602.07026, 2605.07825):
below a half, more of what a text is near to is lost than kept. Our choice.
"""

CHANCE = 2.0
"""How many times the distance that chance gives two centroids counts as none."""

DRIFT_SHARE = 0.05
"""Share of the texts' variance that a shard's mean may be away from the fitted mean, squared, beyond chance."""


def _improves(finished: Finished) -> Finding:
    metrics = finished.made.metrics
    if metrics["method"] == "none":
        return Finding(True, {"promised": "nothing"})
    report = GapReport.restore(metrics[GAP])
    if report.gap_before is not None and report.gap_after is not None:
        return _comes_nearer(report.gap_before, report.gap_after)
    before, after = report.before, report.after
    figures = {"mean_cosine_before": before.mean_cosine, "mean_cosine_after": after.mean_cosine}
    # Both fall by what all texts share; of texts that share nothing nothing can be taken away.
    return Finding(after.mean_cosine < max(before.mean_cosine, 1 / before.rows), figures)


def _comes_nearer(before: Between, after: Between) -> Finding:
    """Nearer by mean and covariance, and no less mixed beyond the error."""
    figures: dict[str, Any] = {
        f"{name}_{when}": getattr(gap, name)
        for name in ("frechet", "centroid_distance")
        for when, gap in (("before", before), ("after", after))
    }
    rates = before.mixing_rate, after.mixing_rate
    figures |= {"mixing_rate_before": rates[0].value, "mixing_rate_after": rates[1].value}
    centred = after.centroid_distance < max(before.centroid_distance, CHANCE * after.centroid_chance)
    mixed = rates[1].value >= rates[0].value - 2 * max(rates[0].error, rates[1].error)
    return Finding(after.frechet < before.frechet and centred and mixed, figures)


TRANSFER_IMPROVES = CheckSpec(
    "transfer_improves",
    "The transfer does what it is for. With images: the texts are nearer to them after it, by Frechet distance and by "
    "centroid, and no less mixed with them. Without: texts have less in common; how near they are to images is not "
    "known.",
    _improves,
    blocking=False,
    severity="WARN",
)


def _neighbours(finished: Finished) -> Finding:
    report = GapReport.restore(finished.made.metrics[GAP])
    omega = report.preservation.omega
    figures = {"omega": omega.value, "error": omega.error, "neighbours": report.k, "least": KEPT_NEIGHBOURS}
    return Finding(omega.value >= KEPT_NEIGHBOURS, figures)


NEIGHBOURS_SURVIVE = CheckSpec(
    "neighbours_survive",
    "At least half of a text's nearest neighbours are its nearest after the transfer, too (Omega); below that it mixes "
    "meanings up.",
    _neighbours,
    blocking=False,
    severity="WARN",
)


def _enough(finished: Finished) -> Finding:
    fitted_on: dict[str, int] = finished.made.metrics["fitted_on"]
    figures = {"samples": fitted_on["captions"], "settled_at": SETTLED}
    if "images" in fitted_on:
        figures["images"] = fitted_on["images"]
    needs_none = finished.made.metrics["method"] == "none"
    return Finding(needs_none or min(fitted_on.values()) >= SETTLED, figures)


ENOUGH_SAMPLES = CheckSpec(
    "enough_samples",
    "The fit stands on at least 10,000 captions, and as many images where it reads some: there its statistics settle.",
    _enough,
    blocking=False,
    severity="WARN",
)

OF_THE_FIT = (ENOUGH_SAMPLES, TRANSFER_IMPROVES, NEIGHBOURS_SURVIVE)


def _no_drift(finished: Finished) -> Finding:
    drift: dict[str, float] | None = finished.made.metrics.get("drift")
    if drift is None:
        return Finding(True, {"measured": "nothing: no two texts of the shard differ, or the method has no mean"})
    return Finding(drift["share"] - 2 * drift["expected_share"] <= DRIFT_SHARE, dict(drift) | {"limit": DRIFT_SHARE})


NO_DRIFT = CheckSpec(
    "no_drift",
    "The shard's texts still lie around the mean that the transfer was fitted with; else ask for a refit.",
    _no_drift,
    blocking=False,
    severity="WARN",
)
