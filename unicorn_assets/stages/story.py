"""A sample's story in words, from what `tracing` found: a heading for each step, and a line for all that it adds."""

from collections.abc import Iterator
from typing import Any

from unicorn_assets.stages.release import RELEASE

OWN = ("outcome", "id")
"""What stands elsewhere in the lines of a row."""


def parts(found: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The story's parts in their order: what each is about, and its lines, which repeat nothing of those before.

    Args:
        found: as `tracing.asked` gives it.
    """
    if "id" not in found:
        yield found["asked"], list(_worth(found["row"], {}))
        return
    if "asked" in found:
        yield found["asked"], []
    yield f"sample {found['id']}", []
    for one in found["withdrawn"]:
        yield f"WITHDRAWN by {one['kind']} {one['name']} on {one['when'][:10]}: {one['why']}", []
    seen: dict[str, Any] = {}
    for step in found["stages"]:
        if step["outcome"] == "absent":
            continue
        told = {name: step.get(name) for name in ("reason", "detail", "text")} | step.get("row", {})
        also = (
            f"also {other['reason']}: {other.get('source')}, {other.get('file')} row {other.get('row')}"
            for other in step.get("also", [])
        )
        lines = [*_worth(told, seen), *also, *_made(step)]
        yield f"{step['stage']} [{step['shard']}]: {step['outcome'].replace('_', ' ')}", lines
        seen |= told
    for one in found["released_in"]:
        where = ", ".join(f"{table} row {row}" for table, row in one["tables"].items()) or one["problem"]
        yield f"{RELEASE.name}: {one['release']} ({where})", []
    if not found["released_in"]:
        yield "in no release", []


def plain(found: dict[str, Any]) -> str:
    """The whole story as text, lines indented below their heading."""
    return "\n".join(line for head, lines in parts(found) for line in (head, *(f"    {one}" for one in lines)))


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
            yield f"conversations: {len(value)} messages, shown by `unicorn trace --json`"
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
