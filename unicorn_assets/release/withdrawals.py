"""What a release says of withdrawals: which are in force, and how many rows of the sources each keeps out."""

from collections.abc import Iterator, Sequence

from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.lake.withdrawals import Withdrawal, names
from unicorn_assets.release.inputs import Inputs
from unicorn_assets.release.manifest import Withdrawn
from unicorn_assets.synthesis.seeds.rows import WITHDRAWN

SOURCES, FIT = "seed_sources", "modality_alignment"


def told(inputs: Inputs, in_force: Sequence[Withdrawal]) -> Iterator[Withdrawn]:
    """A record of each withdrawal in force, by kind and name. A row that two of them name counts for both.

    Raises:
        LakeError: what the seeds set aside, or the sample of the fit, cannot be read.
    """
    if not in_force:
        return
    rows = _out(inputs)
    fitted = _fitted(inputs) if rows else set()
    seeds = [sample for sample, _, _ in rows]
    by_id = dict.fromkeys(seeds, 0)
    for sample in seeds:
        by_id[sample] += 1
    for one in in_force:
        named = names(one)
        if one.kind == "seed":  # there may be thousands, of one row each
            count, ids = by_id.get(one.name, 0), {one.name} & by_id.keys()
        else:
            mine = [sample for sample, source, licence in rows if named(sample, source, licence)]
            count, ids = len(mine), set(mine)
        yield Withdrawn(
            kind=one.kind, name=one.name, why=one.why, when=one.when, rows=count, fitted_on=len(ids & fitted)
        )


def _out(inputs: Inputs) -> list[tuple[str, str, str]]:
    """(id, source, licence) of the rows that withdrawals keep out."""
    if not inputs.sidecars[SOURCES][ALL].rejected.get(WITHDRAWN):
        return []
    path = inputs.file(SOURCES, ALL, "set_aside")
    found = read_rows(path, ["id", "reason", "source", "licence"])
    return [(row["id"], row["source"], row["licence"]) for row in found if row["reason"] == WITHDRAWN]


def _fitted(inputs: Inputs) -> set[str]:
    return {row["id"] for row in read_rows(inputs.file(FIT, ALL, "rows"), ["id"])}
