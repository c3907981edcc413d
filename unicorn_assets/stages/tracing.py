"""A sample's whole story in a home: its row at every stage, what was withdrawn, and where releases carry it."""

from typing import Any

from unicorn_assets.errors import LakeError, RecipeError
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id
from unicorn_assets.lake import lineage
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.withdrawals import names
from unicorn_assets.recipe import Recipe
from unicorn_assets.release import find
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.synthesis.seeds.cleaning import normalise


def identified(text: str) -> str:
    """The id that a person means: an id as it is, else that of the seed that the text gives once cleaned."""
    return text if lineage.is_id(text) else sample_id(normalise(text))


def asked(
    home: Home,
    recipe: Recipe,
    sample: str | None = None,
    *,
    release: str | None = None,
    table: str = "pretrain",
    source: str | None = None,
    row: int | None = None,
) -> dict[str, Any]:
    """The story that a person asks for.

    Args:
        home: where to look.
        recipe: the recipe of what stands there.
        sample: the sample's id, or the text of its seed.
        release: a release instead, by its version, to trace one of its rows.
        table: the table of that release.
        source: a source of seeds instead, by its name, to trace one of its rows.
        row: the row of that release's table, from 0, or of that source's file, from 1.

    Returns:
        What `told` says; for a row, in `asked` which one, and for one of a source the `row` as it stands. A row of a
        source that became no sample has these two alone.

    Raises:
        LakeError: HOME holds nothing of that id, row, release or source, or a file of it is damaged.
        RecipeError: not exactly one of sample, release and source is named, or its row is not.
    """
    if [sample, release, source].count(None) != 2 or (row is None) != (sample is not None):
        raise RecipeError(
            "It is not clear what to trace.",
            "give an id or the text of a seed, or release, table and row, or source and row.",
        )
    found: dict[str, Any] = {}
    if release is not None and row is not None:
        folder = find.folder_of(home.releases, recipe.name, release)
        found["asked"] = f"row {row} of {table} in {folder.relative_to(home.path)}"
        sample = find.sample_at(folder, table, row)
    elif source is not None and row is not None:
        found["asked"] = f"row {row} of the source {source}"
        seed = _row_of(home, source, row)
        found["row"], sample = seed, seed["id"]
    if sample is not None:
        found |= told(home, recipe, identified(sample))
        if not known(found):
            raise LakeError(
                f"HOME {home.path} holds no sample with the id {found['id']}.",
                'check the id (20 hexadecimal digits), or find one with `unicorn sql "SELECT id FROM caption_seeds"`.',
            )
    return found


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


def _row_of(home: Home, source: str, row: int) -> dict[str, Any]:
    found = lineage.of_source(home.lake, source, row)
    if found:
        return found[0]
    made = home.lake.sidecar(lineage.SEEDS, ALL)
    there = ", ".join(made.metrics["sources"]) if made is not None else "none yet"
    raise LakeError(
        f"HOME {home.path} holds no row {row:,} of a source {source!r}; its sources are {there}.",
        "rows are counted as lines, or as records of a Parquet or labels file, from 1; a header is line 1.",
    )


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
