"""`seed_sources` gathers the whole corpus once and buckets it; `caption_seeds` is one shard's bucket of it."""

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from unicorn_assets.errors import SeedError
from unicorn_assets.home import Home
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.files import known_sha256
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import BATCH_ROWS, ShardWriter
from unicorn_assets.lake.withdrawals import names as named_by
from unicorn_assets.recipe import Recipe, Source
from unicorn_assets.stages import checks
from unicorn_assets.stages.base import Made, Stage, Work
from unicorn_assets.stages.tools import Tools
from unicorn_assets.synthesis.seeds.buckets import read_bucket
from unicorn_assets.synthesis.seeds.cleaning import CLEANING_VERSION
from unicorn_assets.synthesis.seeds.gather import gather
from unicorn_assets.synthesis.seeds.rows import Withdrawn

SEED_COLUMNS = [
    pa.field("id", pa.string()),
    pa.field("seed", pa.string()),
    pa.field("source", pa.string()),
    pa.field("licence", pa.string()),
    pa.field("origin", pa.string()),
    pa.field("image_id", pa.string()),
    pa.field("topic", pa.string()),
    pa.field("file", pa.string()),
    pa.field("row", pa.int64()),
]


def _sources_fields(tools: Tools) -> dict[str, Any]:
    """Identity comes from what the files hold, not from where they stand."""
    seeds = tools.recipe.seeds
    sources = [
        source.model_dump(exclude={"path"}) | {"file": Path(source.path).name, "sha256": _hash(source)}
        for source in seeds.sources
    ]
    rules = seeds.model_dump(exclude={"sources"})
    fields = {"sources": sources, "seeds": rules, "shards": tools.recipe.shards, "cleaning": CLEANING_VERSION}
    gone = withdrawn(tools.home, tools.recipe)
    if gone.seeds or gone.sources:
        ids = {"seeds": len(gone.seeds), "digest": digest(sorted(gone.seeds))} if gone.seeds else {}
        fields["withdrawn"] = ids | ({"sources": dict(sorted(gone.sources.items()))} if gone.sources else {})
    return fields


def withdrawn(home: Home, recipe: Recipe) -> Withdrawn:
    """What the tombstones of a home keep out of the recipe's sources. Why and when decide no row.

    Raises:
        LakeError: the file of the tombstones cannot be read.
    """
    seeds: set[str] = set()
    sources: dict[str, str] = {}
    for one in home.withdrawals.in_force():
        if one.kind == "seed":
            seeds.add(one.name)
            continue
        names = named_by(one)
        for source in recipe.seeds.sources:
            if names("", source.name, source.licence):
                sources[source.name] = f"the {one.kind} {one.name} was withdrawn"
    return Withdrawn(frozenset(seeds), sources)


def _hash(source: Source) -> str:
    try:
        return known_sha256(Path(source.path))
    except OSError as error:
        raise SeedError(
            f"The seed file {source.path} (source {source.name!r}) cannot be read: {error.strerror}.",
            "give the path of a readable file in the recipe or with --seeds.",
        ) from None


def _gather(work: Work, drafts: Drafts) -> Made:
    found = gather(
        work.recipe.seeds,
        work.recipe.shards,
        out=drafts.add("rows"),
        set_aside=drafts.add("set_aside"),
        work=drafts.folder(),
        progress=lambda read: work.progress(read, None),
        withdrawn=withdrawn(work.tools.home, work.recipe),
    )
    sources = {name: asdict(counts) | {"taken": str(found.columns[name])} for name, counts in found.sources.items()}
    return Made(
        rows_in=found.rows_in,
        rows_out=found.rows_out,
        rejected=found.rejected,
        not_selected=found.not_selected,
        produced=found.buckets,
        metrics={"sources": sources},
    )


SEED_SOURCES = Stage(
    name="seed_sources",
    version=1,
    inputs=(),
    fields=_sources_fields,
    body=_gather,
    schema=None,
    checks=(checks.ROWS_CONSERVED, checks.SOURCES_GIVE_SEEDS),
    sharded=False,
    timeout_seconds=7200.0,  # the sort of a whole corpus gives no sign of progress
)


def _take_bucket(work: Work, drafts: Drafts) -> Made:
    out = ShardWriter(drafts, CAPTION_SEEDS.columns, work.fingerprint)
    identity = hashlib.blake2b(digest_size=16)
    for batch in read_bucket(work.lake.rows("seed_sources", ALL), work.shard).to_batches(BATCH_ROWS):
        for row in batch.to_pylist():
            out.row(**{name: row[name] for name in CAPTION_SEEDS.columns.names})
            identity.update(f"{row['id']}\x00{row['seed']}\x00".encode())
    out.finish()
    # What is made of a seed depends on its id and text alone: another line or licence makes nothing below it stale.
    return Made(rows_in=out.rows_out, rows_out=out.rows_out, produced={work.shard: identity.hexdigest()})


CAPTION_SEEDS = Stage(
    name="caption_seeds",
    version=1,
    inputs=("seed_sources",),
    fields=lambda tools: {},
    body=_take_bucket,
    schema=pa.schema(SEED_COLUMNS),
    checks=checks.ROWS,
)
