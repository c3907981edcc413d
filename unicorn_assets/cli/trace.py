"""`unicorn trace`: where a sample came from, what was made of it, and where it went."""

import json
from typing import Any

import click

from unicorn_assets import recipe as recipes
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.identity import sample_id, shard_name, shard_number
from unicorn_assets.lake import lineage
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.release import RELEASE


def trace(home: Home, sample: str, *, as_json: bool) -> None:
    """Prints a sample's story.

    Args:
        home: where to look.
        sample: its id, or the text of its seed as cleaned.
        as_json: as JSON rather than for reading.

    Raises:
        LakeError: HOME holds nothing of that id.
    """
    recipe = home.recipe() or recipes.load("demo")
    sample = sample if lineage.is_id(sample) else sample_id(sample)
    told = lineage.story(home.lake, list(upstream(recipe)), recipe.shards, sample)
    told += lineage.left_out(home.lake, sample)
    if all(step["outcome"] == "absent" for step in told):
        raise LakeError(
            f"HOME {home.path} holds no sample with the id {sample}.",
            'check the id (20 hexadecimal digits), or find one with `unicorn sql "SELECT id FROM caption_seeds"`.',
        )
    found = {"id": sample, "stages": told, "released_in": _releases(home, sample, recipe.shards)}
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(found)))


def _releases(home: Home, sample: str, shards: int) -> list[dict[str, Any]]:
    shard = shard_name(shard_number(sample, shards))
    found = []
    for folder in sorted(path for path in home.releases.glob("*/[!.]*") if path.is_dir() and not path.is_symlink()):
        tables = [
            table
            for table in ("pretrain", "instruction", "validation/pretrain", "validation/instruction")
            if (path := folder / table / f"{shard}.parquet").is_file() and lineage.find(path, sample)
        ]
        if tables:
            found.append({"release": str(folder.relative_to(home.path)), "tables": tables})
    return found


def _lines(found: dict[str, Any]) -> list[str]:
    lines = [f"sample {found['id']}"]
    for step in found["stages"]:
        if step["outcome"] == "absent":
            continue
        made = step["made_by"]
        lines.append(f"{step['stage']} [{step['shard']}]: {step['outcome'].replace('_', ' ')}")
        lines += [f"    {name}: {value}" for name, value in _told(step).items() if value not in (None, "", [])]
        engine = made["decided_by"].get("engine")
        by = f" by {engine['kind']}/{engine['model']} {engine['revision']}".rstrip() if engine else ""
        failed = [name for name, passed in made["checks"].items() if not passed]
        checks = f"; failed checks: {', '.join(failed)}" if failed else f"; {len(made['checks'])} checks passed"
        lines.append(
            f"    made{by} in run {made['run_id']}, {made['started']}, fingerprint {made['fingerprint']}{checks}"
        )
    lines += [f"{RELEASE.name}: {one['release']} ({', '.join(one['tables'])})" for one in found["released_in"]]
    return lines


def _told(step: dict[str, Any]) -> dict[str, Any]:
    if step["outcome"] != "kept":
        return {name: step[name] for name in ("reason", "detail", "text")}
    told = dict(step["row"])
    for other in step.get("also", []):
        told[f"also {other['reason']}"] = f"{other.get('source')}, {other.get('file')} row {other.get('row')}"
    return told
