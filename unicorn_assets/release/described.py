"""What a manifest says of stages, selection, engine and recipe, gathered from the sidecars behind a release."""

from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any

from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.recipe import Recipe
from unicorn_assets.release.inputs import SELECTION, Inputs
from unicorn_assets.release.manifest import MadeBy, MixPart, Selected, StageFacts, Warned
from unicorn_assets.release.tables import COLUMNS
from unicorn_assets.transfer.metrics.results import GapReport

LIBRARIES = ("numpy", "pyarrow")
"""What writes the data files."""


def libraries() -> dict[str, str]:
    """Versions of the libraries that write the data files."""
    return {name: version(name) for name in LIBRARIES}


def recipe_facts(recipe: Recipe) -> dict[str, Any]:
    """The resolved recipe, its paths reduced to file names."""
    facts: dict[str, Any] = _portable(recipe.model_dump(mode="json"))
    return facts


def _portable(value: Any) -> Any:
    """A JSON value with the folders taken off absolute paths in `path`, `model` and `name`."""
    if isinstance(value, list):
        return [_portable(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _name(one) if key in {"path", "model", "name"} else _portable(one) for key, one in value.items()}
    return value


def _name(value: Any) -> Any:
    absolute = isinstance(value, str) and PurePosixPath(value).is_absolute()
    return PurePosixPath(value).name if absolute else value


def stage_facts(sidecars: Mapping[str, Sidecar]) -> StageFacts:
    """The facts of one stage from its sidecars by shard; all were made with the same settings."""
    rejected, not_selected = Counter[str](), Counter[str]()
    failed: dict[str, list[str]] = {}
    for found in sidecars.values():
        rejected.update(found.rejected)
        not_selected.update(found.not_selected)
        for check in found.checks:
            if not check.passed:
                failed.setdefault(check.name, []).append(check.description)
    return StageFacts(
        rows_in=sum(found.rows_in for found in sidecars.values()),
        rows_out=sum(found.rows_out for found in sidecars.values()),
        rejected=dict(sorted(rejected.items())),
        not_selected=dict(sorted(not_selected.items())),
        warnings={name: Warned(shards=len(failed[name]), description=failed[name][0]) for name in sorted(failed)},
        decided_by=_portable(next(iter(sidecars.values())).fields),
        fingerprints={shard: found.fingerprint for shard, found in sidecars.items()},
    )


def selected(inputs: Inputs) -> dict[str, Selected]:
    """What the selection made of each table."""
    told: Mapping[str, Mapping[str, Any]] = inputs.sidecars[SELECTION][ALL].metrics["tables"]
    return {table: Selected.model_validate(told[table]) for table in COLUMNS if table in told}


def mix(inputs: Inputs, recipe: Recipe) -> dict[str, MixPart]:
    """The parts of the recipe's mix, in its order, what fits none last; none where it asks for none."""
    told: Mapping[str, Mapping[str, Any]] = inputs.sidecars[SELECTION][ALL].metrics.get("mix", {})
    order = [one.label for one in recipe.mix.wanted]
    return {part: MixPart.model_validate(told[part]) for part in (*order, *(told.keys() - set(order)))}


def made_by(inputs: Inputs, image_rule: str) -> MadeBy:
    """Engine, encoder and transfer behind a release.

    Args:
        inputs: the shards.
        image_rule: what the transfer asks of real images.
    """
    texts, fit = inputs.sidecars["text_embeddings"], inputs.sidecars["modality_alignment"][ALL]
    expanded = next(iter(inputs.sidecars["expanded_captions"].values()))
    encoder = next(iter(texts.values()))
    return MadeBy(
        engine=_portable(expanded.fields.get("engine", {})),
        encoder=_portable(encoder.fields.get("encoder", {}))
        | {
            "dimension": encoder.metrics.get("dimension"),
            "token_limit": encoder.metrics.get("token_limit"),
            "rows_cut": sum(found.metrics.get("rows_cut", 0) for found in texts.values()),
        },
        transfer=_portable(fit.fields["alignment"])
        | {
            "version": fit.produced_for(ALL),
            "fitted_on": fit.metrics["fitted_on"],
            "real_images": image_rule,
            "gap": GapReport.restore(fit.metrics["gap"]).figures(),
        },
    )
