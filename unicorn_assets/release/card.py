"""README.md of a release: the dataset card, with the front matter that the Hugging Face Hub and `datasets` read."""

import json
from collections.abc import Mapping
from typing import Any

from unicorn_assets.release import meters, selection_card, transfer_card, usage
from unicorn_assets.release.manifest import Manifest, Spread
from unicorn_assets.release.splits import named, splits
from unicorn_assets.transfer.metrics import words

FILE = "README.md"

RULES_ENGINE = "written by rule, for demos, tests and scale runs; not for training a model that matters"

# fmt: off
HUB_LICENCES = frozenset({
    "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "gfdl", "mit", "odbl", "odc-by", "pddl",
    "unknown", "unlicense",
})
# fmt: on
"""Identifiers of licences of data that the Hub knows; anything else is `other` there, and in full in the card."""

MOST_WITHDRAWN = 50
"""Withdrawals that are shown; the manifest has all."""
FITTED = "The transfer was fitted before on a sample that held captions of {rows:,} of them, and has not been refitted."

SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
LARGEST = "10M<n<100M"


def render(facts: Manifest, examples: Mapping[str, Mapping[str, Any]], *, pictured: bool = False) -> str:
    """The whole card.

    Args:
        facts: the manifest, its files and version not yet filled in.
        examples: one row of each table that has any.
        pictured: whether the picture of the transfer stands beside it.
    """
    parts = [
        _front_matter(facts),
        f"# {facts.name}\n\n{_summary(facts)}",
        f"## What made it\n\n{_made_by(facts)}",
        f"## Tables\n\n{_tables(facts)}",
        f"## What became of every row\n\n{_stages(facts)}",
        f"## Diversity and quality\n\n{_meters(facts)}",
        f"## Selection\n\n{_selection(facts)}",
        f"## Licences\n\n{_licences(facts)}",
        *([f"## Withdrawn\n\n{_withdrawn(facts)}"] if facts.withdrawn else []),
        f"## Splits and versions\n\n{_splits(facts)}\n\n{usage.VERSIONS}",
        f"## How to load it\n\n{usage.loading(facts.formats)}",
        f"## Vectors in the place of images\n\n{usage.VECTORS}\n\n{_transfer(facts, pictured)}",
        f"## Limits\n\n{_limits(facts)}",
        f"## Examples\n\n{_examples(examples)}",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(facts: Manifest) -> str:
    licences = {one.licence.lower() for one in facts.licences}
    known = sorted({licence if licence in HUB_LICENCES else "other" for licence in licences})
    size = next((name for limit, name in SIZES if facts.samples < limit), LARGEST)
    lines = ["---", f"pretty_name: {json.dumps(facts.name)}", "language:", "- en", "license:"]
    lines += [f"- {licence}" for licence in known]
    lines += ["size_categories:", f"- {size}", "task_categories:", "- image-text-to-text"]
    lines += ["tags:", "- synthetic", "- vision-language", "- text-only", "- llava", "configs:"]
    for number, table in enumerate(usage.CONFIGS):
        lines += [f"- config_name: {table}", "  data_files:"]
        for split in splits(facts.validation):
            lines += [f"  - split: {split}", f"    path: {named(split, table)}/*.parquet"]
        lines += ["  default: true"] if number == 0 else []
    return "\n".join([*lines, "---"])


def _summary(facts: Manifest) -> str:
    covered = facts.coverage
    sentences = [
        "Training data for vision-language models, made from text alone: dense captions and multi-turn conversations, "
        f"each with a vector that stands in for an image. {transfer_card.looked_at(facts.made_by.transfer)}",
        f"It holds {facts.rows('pretrain'):,} pretraining and {facts.rows('instruction'):,} instruction "
        f"samples over {facts.tables['embeddings'].rows:,} vectors of {facts.dimension} numbers.",
        f"{covered.released:,} of {covered.expected:,} shards of the recipe are in it.",
    ]
    if covered.missing:
        sentences.append(f"Missing: {', '.join(covered.missing)}.")
    return "\n".join([*sentences, "`manifest.json` has its version, the whole recipe, and a hash of every file."])


def _made_by(facts: Manifest) -> str:
    made, texts = facts.made_by, facts.stages["text_embeddings"].rows_out
    lines = [
        "- Text: " + _named(made.engine, "kind", "model", "revision"),
        "- Text embeddings: " + _named(made.encoder, "name", "model", "revision"),
        "- Transfer to image space: " + transfer_card.summary(made.transfer),
    ]
    if made.engine.get("kind") == "rules":
        lines[0] += f" – {RULES_ENGINE}."
    cut, limit = made.encoder["rows_cut"], made.encoder["token_limit"]
    share = f" ({cut / texts:.1%})" if texts else ""
    cuts = (
        f"The encoder reads {limit} tokens: {cut:,} of {texts:,} captions{share} were longer and are embedded by their "
    )
    return "\n".join(lines) + f"\n\n{cuts}beginning alone. `tokens` and `cut` of each row stand in the lake."


def _named(identity: Mapping[str, Any], *keys: str) -> str:
    values = [str(identity[key]) for key in keys if identity.get(key)]
    return ", ".join(f"`{value}`" for value in dict.fromkeys(values)) or "unknown"


def _tables(facts: Manifest) -> str:
    rows = [[f"`{name}`", f"{table.rows:,}", f"{len(table.shards):,}"] for name, table in facts.tables.items()]
    columns = "\n".join([usage.COLUMNS, *(usage.FORMATS[name] for name in facts.formats), usage.ORDER])
    return f"{_table(['table', 'rows', 'files'], rows)}\n\n{columns}\n\n{_figures(facts)}"


def _figures(facts: Manifest) -> str:
    rows = [
        [
            f"`{name}`",
            _spread(found.caption_words),
            _spread(found.questions),
            _reasons(found.tasks) if found.tasks else "",
        ]
        for name, found in facts.figures.items()
    ]
    header = ["table", "words a caption", "questions a conversation", "tasks"]
    return _table(header, rows) + "\n\nNumbers are least, median, mean and most; words are what stands between blanks."


def _spread(found: Spread | None) -> str:
    return "none" if found is None else f"{found.least:,}, {found.median:,}, {found.mean:,}, {found.most:,}"


def _splits(facts: Manifest) -> str:
    if not facts.validation:
        return usage.NO_VALIDATION
    held = {table: facts.tables[named("validation", table)].rows for table in usage.CONFIGS}
    counts = " and ".join(f"{rows:,} {table}" for table, rows in held.items())
    return f"Held out: {facts.validation:.2%} of the seeds, {counts} rows.\n{usage.VALIDATION}"


def _stages(facts: Manifest) -> str:
    rows = [
        [
            f"`{name}`",
            f"{stage.rows_in:,}",
            f"{stage.rows_out:,}",
            _reasons(stage.rejected),
            _reasons(stage.not_selected),
        ]
        for name, stage in facts.stages.items()
    ]
    text = _table(["stage", "rows in", "rows out", "rejected", "not selected"], rows)
    text += (
        "\n\nSeeds and alignment count the whole corpus, the other stages the shards of this release. A row of the "
        "selection is\na candidate of either table."
    )
    warnings = [
        f"- `{name}`, check `{check}` failed on {warned.shards:,} of {len(stage.fingerprints):,}: {warned.description}"
        for name, stage in facts.stages.items()
        for check, warned in stage.warnings.items()
    ]
    return text + ("\n\nWarnings:\n\n" + "\n".join(warnings) if warnings else "")


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.items()) or "0"


def _selection(facts: Manifest) -> str:
    parts = [selection_card.WORDS, _table(selection_card.HEADER, selection_card.figures(facts.selection))]
    if facts.mix:
        parts += [selection_card.MIX_WORDS, _table(selection_card.MIX_HEADER, selection_card.mix(facts.mix))]
    return "\n\n".join(parts)


def _meters(facts: Manifest) -> str:
    rows = [] if facts.meters is None else meters.table(facts.meters)
    return f"{meters.WORDS}\n\n{_table(meters.HEADER, rows)}" if rows else meters.NONE


def _licences(facts: Manifest) -> str:
    rows = [
        [one.source, one.licence, one.origin, f"{one.pretrain:,}", f"{one.instruction:,}"] for one in facts.licences
    ]
    return (
        "Licences of the seeds, as the recipe states them. Captions and conversations were written from the seeds;\n"
        "the terms of the model that wrote them apply as well. A seed in several sources counts for the first.\n\n"
        + _table(["source", "licence", "origin", "pretrain rows", "instruction rows"], rows)
    )


def _withdrawn(facts: Manifest) -> str:
    shown = facts.withdrawn[:MOST_WITHDRAWN]
    rows = [[f"{one.kind} `{one.name}`", one.when[:10], one.why, f"{one.rows:,}"] for one in shown]
    text = (
        "Nothing in this release was made of these seeds. A version from before a withdrawal may hold what was.\n\n"
        + _table(["what", "when", "why", "rows of the sources kept out"], rows)
    )
    more = len(facts.withdrawn) - len(shown)
    text += f"\n\n{more:,} more stand in `manifest.json`." if more else ""
    fitted = sum(one.fitted_on for one in facts.withdrawn)
    return text + (f"\n\n{FITTED.format(rows=fitted)}" if fitted else "")


def _transfer(facts: Manifest, pictured: bool) -> str:
    transfer = facts.made_by.transfer
    parts = [transfer_card.told(transfer), *([transfer_card.picture()] if pictured else [])]
    parts += [words.HEAD, _table(transfer_card.HEADER, transfer_card.figures(transfer))]
    return "\n\n".join([*parts, transfer_card.real_images(transfer)])


def _limits(facts: Manifest) -> str:
    rules = "- The text is " + RULES_ENGINE + ".\n" if facts.made_by.engine.get("kind") == "rules" else ""
    return rules + usage.LIMITS


def _examples(examples: Mapping[str, Mapping[str, Any]]) -> str:
    shown = [
        f"`{name}`:\n\n```json\n{json.dumps(row, indent=1, ensure_ascii=False)}\n```" for name, row in examples.items()
    ]
    return "\n\n".join(shown)


def _table(header: list[str], rows: list[list[str]]) -> str:
    """In Markdown; what would break a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
