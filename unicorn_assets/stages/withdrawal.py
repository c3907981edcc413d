"""What a withdrawal reaches: which seeds, what was made of them at every stage, and what has to be made anew.

Only reads. What is withdrawn stands in `lake.withdrawals`; `stages.seeds` applies it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.errors import LakeError
from unicorn_assets.home import Home
from unicorn_assets.lake import lineage
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import readable
from unicorn_assets.lake.withdrawals import Kind
from unicorn_assets.recipe import Recipe
from unicorn_assets.release import find
from unicorn_assets.stages.alignment import MODALITY_ALIGNMENT
from unicorn_assets.stages.captions import EXPANDED_CAPTIONS
from unicorn_assets.stages.corpus import UPSTREAM
from unicorn_assets.stages.dialogs import INSTRUCTION_DIALOGS
from unicorn_assets.stages.graph import below_the_shards, with_shards
from unicorn_assets.stages.probes import EVERY_PROBE, probes
from unicorn_assets.stages.selection import below
from unicorn_assets.synthesis.seeds.rows import WITHDRAWN

ASKING = (EXPANDED_CAPTIONS.name, INSTRUCTION_DIALOGS.name)
"""The stages whose answers are stored; those of probes are, too, where a recipe has or had them."""
DUPLICATE = "duplicate"
"""Why a row is set aside whose text an earlier one gives."""


@dataclass(frozen=True)
class Rows:
    """What a shard of a stage holds of the withdrawn seeds.

    Args:
        stage: the stage.
        shard: the shard, `all` where the stage has no shards.
        kept: ids among its rows.
        set_aside: ids among what it set aside, as often as they are.
    """

    stage: str
    shard: str
    kept: list[str]
    set_aside: list[str]


@dataclass(frozen=True)
class Reach:
    """What a withdrawal reaches, as the home stands now.

    Args:
        seeds: ids of the seeds that go, or that come back.
        shards: the shards that lose a row of theirs, or that win one back.
        stay: how many seeds of a withdrawn source or licence stay, since another source gives them, too.
        rows: what was made of them, in the order of the graph; shards that hold nothing of them are left out.
        answers: how many stored answers are for them, by stage.
        releases: how many rows of them releases carry, by release and table; or why that cannot be told.
        sharded: the assets that have shards.
        below: the assets below the shards, the release last.
    """

    seeds: list[str]
    shards: list[str]
    stay: int
    rows: list[Rows]
    answers: dict[str, int]
    releases: dict[str, dict[str, int] | str]
    sharded: list[str]
    below: list[str]

    @property
    def fitted(self) -> int:
        """How many of them the frozen transfer was fitted on."""
        return sum(len(one.kept) for one in self.rows if one.stage == MODALITY_ALIGNMENT.name)

    @property
    def partitions(self) -> dict[str, list[str]]:
        """What has to be made anew, by asset: its shards; none for an asset without shards."""
        sharded = {name: self.shards for name in self.sharded if self.shards}
        return {lineage.SEEDS: [], **sharded, **{name: [] for name in self.below}}

    @property
    def anything(self) -> bool:
        """Whether the home holds anything of them."""
        return bool(self.rows or any(self.answers.values()) or any(map(bool, self.releases.values())))

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        rows = [vars(one) for one in self.rows]
        found = {"seeds": self.seeds, "stay": self.stay, "rows": rows, "answers": self.answers}
        return found | {"releases": self.releases, "fitted": self.fitted, "partitions": self.partitions}


def sources_of(home: Home, recipe: Recipe, kind: Kind, name: str) -> set[str]:
    """Names of the sources that a withdrawal of a source or licence names, now in the recipe or as seeds were read."""
    made = home.lake.sidecar(lineage.SEEDS, ALL)
    read = made.fields["sources"] if made is not None else []
    licences = [(source.name, source.licence) for source in recipe.seeds.sources]
    licences += [(source["name"], source["licence"]) for source in read]
    if kind == "source":
        return {source for source, _ in licences if source == name}
    return {source for source, licence in licences if licence.casefold() == name.casefold()}


def reach(home: Home, recipe: Recipe, kind: Kind, name: str, *, undo: bool = False) -> Reach:
    """What the withdrawal of a seed, a source or a licence reaches.

    Args:
        home: where.
        recipe: the recipe that it holds.
        kind: what is withdrawn.
        name: the seed's id, the source's name or the licence.
        undo: whether it is taken back.

    Raises:
        LakeError: a file of the lake is damaged.
    """
    seeds, stay = [name], 0
    if kind != "seed":
        gone, others = _of_sources(home, sources_of(home, recipe, kind, name))
        seeds, stay = sorted(gone - others), len(gone & others)
    rows = list(_rows(home, recipe, seeds))
    lose = {one.shard for one in rows if one.shard != ALL and one.kept}
    shards = set(lineage.by_shard(seeds, recipe.shards)) if undo else lose
    return Reach(
        seeds=seeds,
        shards=sorted(shards),
        stay=stay,
        rows=rows,
        answers=_answers(home, recipe, seeds),
        releases=dict(_releases(home, seeds)),
        sharded=with_shards(recipe),
        below=list(below_the_shards(recipe)),
    )


def _of_sources(home: Home, sources: Collection[str]) -> tuple[set[str], set[str]]:
    """Ids of these sources' seeds, before and after a withdrawal was applied; and ids that other sources give."""
    made = home.lake.sidecar(lineage.SEEDS, ALL)
    if made is None or not sources:
        return set(), set()
    names = pa.array(sorted(sources), pa.string())
    with readable(home.lake.rows(made.stage, ALL)):
        rows = pq.read_table(home.lake.rows(made.stage, ALL), columns=["id", "source"], partitioning=None)
    with readable(home.lake.set_aside(made.stage, ALL)):
        aside = pq.read_table(
            home.lake.set_aside(made.stage, ALL), columns=["id", "source", "reason"], partitioning=None
        )
    gone: set[str] = set()
    others: set[str] = set()
    for table, reason in ((rows, None), (aside, WITHDRAWN)):
        mine = pc.is_in(table["source"], names)
        gone.update(_ids(table, mine, reason))
        others.update(_ids(table, pc.invert(mine), reason and DUPLICATE))
    return gone, others


def _ids(table: pa.Table, chosen: pa.ChunkedArray, reason: str | None) -> list[str]:
    """Ids of the chosen rows; where a reason is given, of those among them that were set aside for it."""
    if reason is not None:
        chosen = pc.and_(chosen, pc.equal(table["reason"], reason))
    found: list[str] = table.filter(chosen)["id"].to_pylist()
    return found


def _rows(home: Home, recipe: Recipe, seeds: list[str]) -> Iterator[Rows]:
    lake, shards = home.lake, lineage.by_shard(seeds, recipe.shards)
    for stage in (*UPSTREAM.values(), *probes(recipe).values(), *below(recipe).values()):
        for shard in sorted(shards) if stage.sharded else [ALL]:
            made = lake.sidecar(stage.name, shard)
            if made is None:
                continue
            wanted = shards[shard] if stage.sharded else seeds
            bucket = next(iter(shards)) if stage.name == lineage.SEEDS and len(shards) == 1 else None
            files = {"rows": lake.rows(stage.name, shard), "set_aside": lake.set_aside(stage.name, shard)}
            kept, aside = (
                lineage.ids_among(path, wanted, bucket=bucket if kind == "rows" else None) if kind in made.files else []
                for kind, path in files.items()
            )
            if kept or aside:
                yield Rows(stage.name, shard, kept, aside)


def _answers(home: Home, recipe: Recipe, seeds: list[str]) -> dict[str, int]:
    probed = (stage.name for stage in EVERY_PROBE if (home.path / "answers" / stage.name).is_dir())
    asking = (*ASKING, *probed)
    found = dict.fromkeys(asking, 0)
    for shard, mine in lineage.by_shard(seeds, recipe.shards).items():
        for stage in asking:
            with AnswerReader(home.answers(stage, shard)) as store:
                found[stage] += store.count(set(mine)) if len(store) else 0
    return found


def _releases(home: Home, seeds: list[str]) -> Iterator[tuple[str, dict[str, int] | str]]:
    for folder in find.folders(home.releases):
        name = str(folder.relative_to(home.path))
        try:
            carried = find.counted(folder, seeds)
        except LakeError as error:
            yield name, error.what
            continue
        if carried:
            yield name, carried
