"""`unicorn trace`: where a sample came from, what was made of it, and where it went; from any end."""

import json
from collections.abc import Iterator
from typing import Any

import click

from unicorn_assets import recipe as recipes
from unicorn_assets.errors import LakeError, RecipeError
from unicorn_assets.home import DEFAULT_RECIPE, Home
from unicorn_assets.lake import lineage
from unicorn_assets.lake.layout import ALL
from unicorn_assets.release import find
from unicorn_assets.stages import tracing
from unicorn_assets.stages.release import RELEASE


def trace(
    home: Home,
    sample: str | None = None,
    *,
    release: str | None = None,
    table: str = "pretrain",
    source: str | None = None,
    row: int | None = None,
    as_json: bool,
) -> None:
    """Prints a sample's story.

    Args:
        home: where to look.
        sample: its id, or the text of its seed.
        release: a release instead, by its version, to trace one of its rows.
        table: the table of that release.
        source: a source of seeds instead, by its name, to trace one of its rows.
        row: the row of that release's table, from 0, or of that source's file, from 1.
        as_json: as JSON rather than for reading.

    Raises:
        LakeError: HOME holds nothing of that id, row, release or source, or a file of it is damaged.
        RecipeError: not exactly one of sample, release and source is named, or its row is not.
    """
    if [sample, release, source].count(None) != 2 or (row is None) != (sample is not None):
        raise RecipeError(
            "It is not clear what to trace.",
            "give an id or the text of a seed, or --release VERSION --table TABLE --row N, or --source NAME --row N.",
        )
    recipe = home.recipe() or recipes.load(DEFAULT_RECIPE)
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
        found |= tracing.told(home, recipe, tracing.identified(sample))
        if not tracing.known(found):
            raise LakeError(
                f"HOME {home.path} holds no sample with the id {found['id']}.",
                'check the id (20 hexadecimal digits), or find one with `unicorn sql "SELECT id FROM caption_seeds"`.',
            )
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(found)))


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


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if "asked" in found:
        yield found["asked"]
    if "id" not in found:
        yield from (f"    {line}" for line in _worth(found["row"], {}))
        return
    yield f"sample {found['id']}"
    for one in found["withdrawn"]:
        yield f"WITHDRAWN by {one['kind']} {one['name']} on {one['when'][:10]}: {one['why']}"
    seen: dict[str, Any] = {}
    for step in found["stages"]:
        if step["outcome"] == "absent":
            continue
        yield f"{step['stage']} [{step['shard']}]: {step['outcome'].replace('_', ' ')}"
        told = {name: step.get(name) for name in ("reason", "detail", "text")} | step.get("row", {})
        yield from (f"    {line}" for line in _worth(told, seen))
        for other in step.get("also", []):
            yield f"    also {other['reason']}: {other.get('source')}, {other.get('file')} row {other.get('row')}"
        yield from (f"    {line}" for line in _made(step))
        seen |= told
    for one in found["released_in"]:
        where = ", ".join(f"{table} row {row}" for table, row in one["tables"].items()) or one["problem"]
        yield f"{RELEASE.name}: {one['release']} ({where})"
    if not found["released_in"]:
        yield "in no release"


OWN = ("outcome", "id")
"""What stands elsewhere in the lines of a row."""


def _worth(row: dict[str, Any], seen: dict[str, Any]) -> Iterator[str]:
    """A line for each value that no step before has shown."""
    for name, value in row.items():
        if name in OWN or value in (None, "", []) or seen.get(name) == value:
            continue
        if name == "turns":
            for turn in value:
                options = f" ({' | '.join(turn['options'])})" if turn["options"] else ""
                yield f"question: {turn['question']}{options} answer: {turn['answer']}"
        elif name == "conversations":
            yield f"conversations: {len(value)} messages, shown by --json"
        else:
            yield f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}"


def _made(step: dict[str, Any]) -> Iterator[str]:
    """How the row came about: what wrote it and how, which run, whether its shard's checks held."""
    made = step["made_by"]
    decided = made["decided_by"]
    decided = decided | decided.get("expansion", {})
    how = []
    if engine := decided.get("engine"):
        how.append(f"by {engine['kind']}/{engine['model']} {engine['revision']}".rstrip())
        task = step.get("row", {}).get("task")
        prompts = decided.get("prompts", {})
        how.append(f"prompt {decided.get('prompt') or prompts.get(task) or ', '.join(prompts.values())}")
        sampling = decided.get("sampling") or decided.get("dialogs", {}).get("sampling", {})
        how.append(", ".join(f"{name} {value:g}" for name, value in sampling.items()))
    if encoder := decided.get("encoder"):
        how.append(
            f"encoder {' '.join(str(encoder[name]) for name in ('model', 'revision', 'dtype') if encoder.get(name))}"
        )
    if "alignment" in decided:
        how.append("the transfer was fitted on it" if step["outcome"] == "kept" else "not used for the fit")
    if transfer := made["inputs"].get("modality_alignment"):
        how.append(f"transfer {transfer}")
    if how:
        yield "; ".join(part for part in how if part)
    failed = [name for name, passed in made["checks"].items() if not passed]
    checks = f"failed checks: {', '.join(failed)}" if failed else f"{len(made['checks'])} checks passed"
    yield f"made in run {made['run_id']}, {made['started']}, fingerprint {made['fingerprint']}; {checks}"
