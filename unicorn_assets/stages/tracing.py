"""A sample's whole story in a home: its row at every stage, what was withdrawn, and where releases carry it."""

from typing import Any

from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id
from unicorn_assets.lake import lineage
from unicorn_assets.lake.withdrawals import names
from unicorn_assets.recipe import Recipe
from unicorn_assets.release import find
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.synthesis.seeds.cleaning import normalise


def identified(text: str) -> str:
    """The id that a person means: an id as it is, else that of the seed that the text gives once cleaned."""
    return text if lineage.is_id(text) else sample_id(normalise(text))


def told(home: Home, recipe: Recipe, sample: str) -> dict[str, Any]:
    """What is known of a sample.

    Returns:
        `id`; `stages`, as `lineage.story` and `lineage.left_out` tell them; `withdrawn`, the tombstones that name it;
        `released_in`, a release each with the sample's row in each of its `tables`, or with the `problem` that keeps
        it from being read.

    Raises:
        LakeError: a file of the lake is damaged.
    """
    stages = lineage.story(home.lake, list(upstream(recipe)), recipe.shards, sample)
    stages += lineage.left_out(home.lake, sample)
    return {
        "id": sample,
        "withdrawn": _withdrawn(home, sample, stages),
        "stages": stages,
        "released_in": released_in(home, sample),
    }


def known(story: dict[str, Any]) -> bool:
    """Whether anything is known of a sample."""
    outcomes = {step["outcome"] for step in story["stages"]}
    return bool(outcomes - {"absent"} or story["withdrawn"] or story["released_in"])


def released_in(home: Home, sample: str) -> list[dict[str, Any]]:
    """The releases that carry a sample, each with its row in each table; one that cannot be read says so."""
    found: list[dict[str, Any]] = []
    for folder in find.folders(home.releases):
        name = str(folder.relative_to(home.path))
        try:
            tables = find.rows_of(folder, sample)
        except LakeError as error:
            found.append({"release": name, "tables": {}, "problem": error.what})
            continue
        if tables:
            found.append({"release": name, "tables": tables})
    return found


def _withdrawn(home: Home, sample: str, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tombstones that name a sample, or the source or licence of a row of it."""
    seeds = next((step for step in stages if step["stage"] == lineage.SEEDS), {})
    rows = [seeds.get("row", {}), *seeds.get("also", [])]
    return [
        one.model_dump(exclude={"undone"})
        for one in home.withdrawals.in_force()
        if any(names(one)(sample, str(row.get("source")), str(row.get("licence"))) for row in rows)
    ]
