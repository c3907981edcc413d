"""All sources in one pass: rows cleaned, seeds picked and sorted into shards, the rest set aside with a reason."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from unicorn_assets.errors import SeedError
from unicorn_assets.identity import row_seed, sample_id, shard_names, shard_number
from unicorn_assets.lake.sorting import row_groups
from unicorn_assets.recipe import Seeds
from unicorn_assets.synthesis.seeds.buckets import ROWS_PER_GROUP, write_buckets
from unicorn_assets.synthesis.seeds.cleaning import Reject, clean
from unicorn_assets.synthesis.seeds.pick import ROW_BITS, SET_ASIDE, Pick, pick
from unicorn_assets.synthesis.seeds.readers import columns, rows
from unicorn_assets.synthesis.seeds.rows import WITHDRAWN, Columns, Row, SetAside, Withdrawn, rejected

PROGRESS_ROWS = 5_000
NOTHING = Withdrawn()


@dataclass(frozen=True)
class Counts:
    """What became of rows: rows_in == rows_out + all rejected + all not selected."""

    rows_in: int
    rows_out: int
    rejected: dict[str, int]
    not_selected: dict[str, int]


@dataclass(frozen=True)
class Gathered(Counts):
    """What became of the corpus.

    Args:
        sources: the same counts of each source, by its name.
        buckets: hash of each shard's rows, by the shard's name.
        columns: what was taken from each source, by its name.
    """

    sources: dict[str, Counts] = field(default_factory=dict)
    buckets: dict[str, str] = field(default_factory=dict)
    columns: dict[str, Columns] = field(default_factory=dict)


def gather(
    seeds: Seeds,
    shards: int,
    out: Path,
    set_aside: Path,
    work: Path,
    progress: Callable[[int], None] | None = None,
    withdrawn: Withdrawn = NOTHING,
) -> Gathered:
    """Reads all sources and writes two Parquet files: the seeds, and all rows that give none.

    An image, which is an id within its source's collection (`Source.images`), keeps the caption of the smallest id. Of
    equal captions the first source keeps its own, then the lowest row; the others stay on record as further origins.
    A source that draws keeps the captions with the smallest draws. A withdrawn seed is rejected wherever it stands, and
    nothing steps in for it; a withdrawn source gives way to the others as if it had no row.

    Args:
        seeds: the sources and what makes a caption usable.
        shards: number of shards.
        out: the seeds, columns SEEDS, sorted by (shard, id); `read_bucket` reads one shard.
        set_aside: all other rows, columns SET_ASIDE, in the order of the sources and their rows.
        work: a folder for what does not fit into memory; nothing stays in it.
        progress: told the number of rows read so far.
        withdrawn: what may give no seed.

    Raises:
        SeedError: a source cannot be read, or no seed is left. Neither file has been begun then.
        LakeError: there is no room to sort the seeds.
        OSError: a file cannot be written.
    """
    taken = {source.name: columns(source) for source in seeds.sources}
    folder = work / "pick"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with pick(folder, seeds.sources, withdrawn.seeds) as choice:
            read = _read(seeds, shards, choice, progress or (lambda done: None), withdrawn)
            by_source = _by_source(read, choice.decide())
            total = _total(list(by_source.values()))
            if not total.rows_out:
                raise _nothing_left(total)
            buckets = write_buckets(out, choice.seeds(), shard_names(shards))
            with pq.ParquetWriter(set_aside, SET_ASIDE, compression="zstd") as writer:
                for group in row_groups(choice.set_aside(), ROWS_PER_GROUP):
                    writer.write_table(group)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Gathered(**vars(total), sources=by_source, buckets=buckets, columns=taken)


def _read(
    seeds: Seeds, shards: int, choice: Pick, progress: Callable[[int], None], withdrawn: Withdrawn
) -> Counter[str]:
    names = shard_names(shards)
    read = Counter({source.name: 0 for source in seeds.sources})
    for place, source in enumerate(seeds.sources):
        for row in rows(source):
            number = place << ROW_BITS | row.row
            judged = _judged(row, seeds)
            if isinstance(judged, SetAside):
                choice.add_aside(number, judged.outcome, judged.reason, judged.detail, judged.text)
            elif source.name in withdrawn.sources:
                why, sample = withdrawn.sources[source.name], sample_id(judged.text)
                choice.add_aside(number, "rejected", WITHDRAWN, why, "", sample)
            else:
                sample = sample_id(judged.text)
                shard = names[shard_number(sample, shards)]
                draw = None if source.draw is None else row_seed(sample, "seeds")
                choice.add_seed(number, sample, shard, judged.text, judged.image_id, judged.topic, draw)
            read[source.name] += 1
            if read[source.name] % PROGRESS_ROWS == 0:
                progress(read.total())
    progress(read.total())
    return read


def _judged(row: Row | SetAside, rules: Seeds) -> Row | SetAside:
    if isinstance(row, SetAside):
        return row
    seed = clean(row.text, rules)
    if isinstance(seed, Reject):
        return rejected(row.row, seed.reason, seed.detail, row.text)
    return Row(row.row, seed, row.image_id, row.topic)


def _by_source(read: Mapping[str, int], decided: Sequence[tuple[str, str, str, int]]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for source, rows_in in read.items():
        outcomes: dict[str, dict[str, int]] = {"selected": {}, "rejected": {}, "not_selected": {}}
        for name, outcome, reason, count in decided:
            if name == source:
                outcomes[outcome][reason] = count
        rows_out = sum(outcomes["selected"].values())
        found[source] = Counts(rows_in, rows_out, outcomes["rejected"], outcomes["not_selected"])
    return found


def _total(counts: Sequence[Counts]) -> Counts:
    rejections: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for part in counts:
        rejections.update(part.rejected)
        others.update(part.not_selected)
    return Counts(
        sum(part.rows_in for part in counts),
        sum(part.rows_out for part in counts),
        dict(sorted(rejections.items())),
        dict(sorted(others.items())),
    )


def _nothing_left(total: Counts) -> SeedError:
    reasons = ", ".join(f"{reason}: {count}" for reason, count in (total.rejected | total.not_selected).items())
    return SeedError(
        f"Not one of the {total.rows_in} rows gives a seed ({reasons}).",
        "take a withdrawal back with `unicorn withdraw --undo`, or give other captions."
        if set(total.rejected) == {WITHDRAWN}
        else "give captions of another kind, or change min_words, max_words or min_letters.",
    )
