"""Builds a whole release into a draft folder from finished shards of the lake: data, card and manifest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained, sha256
from unicorn_assets.lake.layout import ALL, Lake
from unicorn_assets.lake.withdrawals import Withdrawal
from unicorn_assets.progress import Progress, silent
from unicorn_assets.recipe import Recipe, Release
from unicorn_assets.release import card, changes, data, described, images, manifest, tables, transfer_card, withdrawals
from unicorn_assets.release.changes import counted_changes
from unicorn_assets.release.data import Origin
from unicorn_assets.release.inputs import gather
from unicorn_assets.release.manifest import FORMAT_VERSION, Manifest
from unicorn_assets.release.meters import Meters
from unicorn_assets.release.publish import intact, latest, publish
from unicorn_assets.transfer.fitted import FittedTransfer

__all__ = ["FORMAT_VERSION", "Built", "Coverage", "build", "counted_changes", "intact", "latest", "publish"]


@dataclass(frozen=True)
class Coverage:
    """How many of the recipe's shards are complete and fresh, how many there should be, and why some are missing."""

    fresh: int
    expected: int
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Built:
    """A finished draft.

    Args:
        version: hash of its content, 16 hexadecimal digits.
        rows: rows of each table of samples, on both sides of the split.
        vectors: vectors in `embeddings`.
        bytes: size of all files together.
    """

    version: str
    rows: dict[str, int]
    vectors: int
    bytes: int


def build(
    lake: Lake,
    recipe: Recipe,
    shards: Sequence[str],
    coverage: Coverage,
    draft: Path,
    progress: Progress = silent,
    before: Path | None = None,
    withdrawn: Sequence[Withdrawal] = (),
    meters: Meters | None = None,
) -> Built:
    """Writes the release of these shards into `draft`. The same shards give the same bytes, in whatever order named.

    Args:
        lake: where the finished shards stand.
        recipe: the recipe that made them.
        shards: names of the shards to release.
        coverage: what to say about those that are not among them.
        draft: the folder to write; not there yet, or empty. The caller removes it if this fails.
        progress: told how many rows of both tables are written.
        before: the release before, to tell what changed since; its version is no part of the new one's.
        withdrawn: what is withdrawn now, to tell it.
        meters: how varied and how good the texts of these shards are, to tell it.

    Raises:
        LakeError: a shard is missing, damaged or does not fit the others, a sample has no vector or no seed, no row is
            left, or the draft cannot be written. Names the file or the id, and the cure.
    """
    inputs = gather(lake, shards)
    transfer = FittedTransfer.load(inputs.file("modality_alignment", ALL, "transfer"))
    pictured = "picture" in inputs.sidecars["modality_alignment"][ALL].files
    with explained(draft):
        _prepare(draft, recipe.release)
        written = data.write(inputs, draft, recipe.release, progress)
        transfer.save(draft / images.FILE)
        if pictured:
            copyfile(inputs.file("modality_alignment", ALL, "picture"), draft / transfer_card.PICTURE)
        facts = Manifest(
            name=recipe.name,
            version="",
            format=FORMAT_VERSION,
            tables={name: manifest.Table(rows=sum(rows.values()), shards=rows) for name, rows in written.rows.items()},
            figures={name: counted.figures() for name, counted in written.figures.items()},
            coverage=manifest.ShardCoverage(
                released=coverage.fresh, expected=coverage.expected, missing=sorted(coverage.missing)
            ),
            selection=described.selected(inputs),
            mix=described.mix(inputs, recipe),
            meters=meters,
            made_by=described.made_by(inputs, transfer.method.image_rule().text),
            licences=_licences(written.origins),
            libraries=described.libraries(),
            recipe=described.recipe_facts(recipe),
            stages={stage: described.stage_facts(found) for stage, found in inputs.sidecars.items()},
            files={},
            changes=None,
            seal="",
            withdrawn=tuple(withdrawals.told(inputs, withdrawn)),
        )
        if facts.samples == 0:
            raise LakeError(
                "The shards hold no row at all, so there is nothing to release.",
                "look at what was rejected and why with `unicorn status`, or add seeds.",
            )
        text = card.render(facts, written.examples, pictured=pictured)
        (draft / card.FILE).write_text(text, encoding="utf-8", newline="\n")
        facts = facts.model_copy(update={"files": _describe(draft)})
        old = None if before is None else changes.previous(before)
        if old is not None and old.content_version() == facts.content_version() and old.whole() == old.seal:
            facts = facts.model_copy(update={"changes": old.changes})  # the same release again keeps its history
        elif before is not None and old is not None:
            facts = facts.model_copy(update={"changes": changes.since(before, old, draft, facts, inputs)})
        facts = facts.sealed()
        (draft / manifest.FILE).write_text(facts.dump(), encoding="utf-8", newline="\n")
    return Built(
        version=facts.version,
        rows={table: facts.rows(table) for table in tables.COLUMNS},
        vectors=facts.tables[tables.EMBEDDINGS].rows,
        bytes=sum(file.bytes for file in facts.files.values()) + (draft / manifest.FILE).stat().st_size,
    )


def _prepare(draft: Path, chosen: Release) -> None:
    draft.mkdir(parents=True, exist_ok=True)
    if any(draft.iterdir()):
        raise LakeError(f"The draft folder {draft} is not empty.", "remove it; it is left from a run that was cut off.")
    data.prepare(draft, chosen)


def _licences(origins: Mapping[str, Counter[Origin]]) -> list[manifest.Licence]:
    return [
        manifest.Licence(
            source=one[0], licence=one[1], origin=one[2], **{table: count[one] for table, count in origins.items()}
        )
        for one in sorted(set().union(*origins.values()))
    ]


def _describe(draft: Path) -> dict[str, manifest.File]:
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    return {
        path.relative_to(draft).as_posix(): manifest.File(bytes=path.stat().st_size, sha256=sha256(path))
        for path in files
    }
