"""What of a HOME can move to another number of shards, what cannot and why, and the disk it takes. Changes nothing."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from unicorn_assets.engines import moving
from unicorn_assets.engines.store import size
from unicorn_assets.errors import LakeError, UnicornError
from unicorn_assets.identity import shard_name
from unicorn_assets.lake.files import TEMPORARY
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.stages.base import Stage
from unicorn_assets.stages.corpus import upstream
from unicorn_assets.stages.freshness import State, states
from unicorn_assets.stages.graph import graph
from unicorn_assets.stages.seeds import SEED_SOURCES
from unicorn_assets.stages.sharing import Flow
from unicorn_assets.stages.tools import Tools

SCRATCH = 2
"""Disk for sorting the rows of a stage, in times of their size without compression: the rows, and the sort's own."""
SHOWN = 5
_LAKE_FILE = re.compile(r"(shard-\d{4}|all)\.(parquet|arrow|json|png|safetensors|requests\.csv)")


@dataclass(frozen=True)
class Plan:
    """A move to another number of shards.

    Args:
        flow: which shard goes where.
        stages: the stages of the recipe, by name, in the order of the graph.
        states: how each shard of each stage stands, by stage and shard.
        answers: names of the stages that have stored answers.
        disk: bytes that it takes until the old shards are gone.
    """

    flow: Flow
    stages: Mapping[str, Stage]
    states: Mapping[tuple[str, str], State]
    answers: tuple[str, ...]
    disk: int

    @property
    def seeds(self) -> Sidecar | None:
        """The sidecar of the gathered seeds, None where none stand."""
        return self.states[SEED_SOURCES.name, ALL].sidecar

    @property
    def sharded(self) -> list[Stage]:
        """The stages that have shards."""
        return [stage for stage in self.stages.values() if stage.sharded]

    def _together(self, stage: str, rest: int) -> list[State]:
        """The old shards that exchange rows with one another: those equal modulo the flow's step."""
        return [self.states[stage, shard_name(old)] for old in range(rest, self.flow.before, self.flow.step)]

    def _whole(self, stage: str) -> list[bool]:
        found = (self._together(stage, rest) for rest in range(self.flow.step))
        return [all(one.condition == "fresh" for one in ones) for ones in found]

    def moves(self, stage: str) -> list[int]:
        """The new shards of a stage that can be made of what stands: all that goes into them is fresh."""
        whole = self._whole(stage)
        return [new for new in range(self.flow.after) if whole[new % self.flow.step]]

    def made(self, stage: str) -> dict[int, Sidecar]:
        """The sidecars of the old shards that move, by number."""
        whole = self._whole(stage)
        found = ((old, self.states[stage, shard_name(old)].sidecar) for old in range(self.flow.before))
        return {old: one for old, one in found if one is not None and whole[old % self.flow.step]}

    def lost(self) -> dict[str, set[str]]:
        """By stage, fresh shards of what was bought that cannot move, for the sake of shards beside them."""
        lost: dict[str, set[str]] = {}
        for stage in self.sharded:
            for rest, whole in enumerate(self._whole(stage.name)):
                fresh = {one.shard for one in self._together(stage.name, rest) if one.condition == "fresh"}
                if stage.lane == "gpu" and fresh and not whole:
                    lost.setdefault(stage.name, set()).update(fresh)
        return lost

    def refuse_loss(self) -> None:
        """Refuses a move that would have something made again that stands.

        Raises:
            UnicornError: names what would be lost, and what is in its way.
        """
        lost = self.lost()
        if not lost:
            return
        what = ", ".join(f"{len(shards):,} of {stage}" for stage, shards in lost.items())
        firsts: dict[str, State] = {}
        for one in self.states.values():
            if one.stage in lost and one.condition != "fresh":
                firsts.setdefault(one.shard, one)
        lines = [f"  {one.stage} [{one.shard}] is {one.condition}: {one.why}" for one in firsts.values()]
        more = [f"  and {len(lines) - SHOWN:,} shards more"] if len(lines) > SHOWN else []
        raise UnicornError(
            f"These shards are fresh, but would have to be made again: {what}. In {self.flow.after:,} shards their "
            "rows stand together with rows of shards that are not fresh:\n" + "\n".join(lines[:SHOWN] + more),
            "`unicorn run` first, and everything moves; or add --partial to leave what cannot move to be made again: "
            "captions and dialogs from their stored answers if those were not pruned, embeddings by the encoder.",
        )

    def refuse_full_disk(self, folder: Path) -> None:
        """Refuses a move that the disk has no room for.

        Raises:
            LakeError: says how much is free and how much is needed.
        """
        free = shutil.disk_usage(folder).free
        if free < self.disk:
            raise LakeError(
                f"The disk of {folder} has {_mib(free)} free; another number of shards takes {_mib(self.disk)} until "
                "the old ones are gone.",
                "free some space first; `unicorn gc` and `unicorn prune` may find some.",
            )


def _mib(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB"


def plan(tools: Tools, shards: int) -> Plan:
    """What a move of the tools' HOME to so many shards would do.

    Raises:
        LakeError: a folder that would be exchanged holds files that are not ours.
        UnicornError: the state of HOME cannot be judged.
    """
    stages = graph(tools.recipe)
    found = {(one.stage, one.shard): one for one in states(tools, upstream(tools.recipe))}
    answers = tuple(path.name for path in sorted((tools.home.path / "answers").glob("*")) if moving.stores(path))
    _refuse_strangers(tools, [stage.name for stage in stages.values() if _exchanged(stage)], answers)
    made = [one.sidecar for one in found.values() if one.sidecar is not None]
    stores = {stage: moving.stores(tools.home.path / "answers" / stage) for stage in answers}
    room = sum(data.bytes for one in made for data in one.files.values())
    room += sum(size(path) for paths in stores.values() for path in paths)
    scratch = [_uncompressed(tools.home.lake.root / stage.name) for stage in stages.values() if _exchanged(stage)]
    scratch += [_uncompressed(tools.home.path / "answers" / stage) for stage in answers]
    return Plan(Flow(tools.recipe.shards, shards), stages, found, answers, room + SCRATCH * max(scratch, default=0))


def _exchanged(stage: Stage) -> bool:
    return stage.sharded or stage is SEED_SOURCES or names_shards(stage)


def names_shards(stage: Stage) -> bool:
    """Whether a stage without shards says in its rows which shard each belongs to."""
    return not stage.sharded and stage.schema is not None and "shard" in stage.schema.names


def _uncompressed(folder: Path) -> int:
    """Bytes of a folder's rows without compression, as the Parquet files say; damaged ones are found out later."""
    total = 0
    for path in [*folder.glob("*.parquet"), *folder.glob("*.journal")]:
        try:
            if path.suffix == ".journal":
                total += path.stat().st_size
            else:
                facts = pq.read_metadata(path)
                total += sum(facts.row_group(group).total_byte_size for group in range(facts.num_row_groups))
        except (OSError, ValueError):
            continue
    return total


def _refuse_strangers(tools: Tools, stages: list[str], answers: tuple[str, ...]) -> None:
    lake, stored = tools.home.lake.root, tools.home.path / "answers"
    for path in (*_strangers([lake / name for name in stages]), *_foreign([stored / name for name in answers])):
        raise LakeError(
            f"{path} is no file of this program, and stands in a folder that would be exchanged.",
            "move it out of HOME, then again; `unicorn gc` names all files that it does not know.",
        )


def _strangers(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in (*folder.glob("*"), *folder.glob("set_aside/*")):
            ours = _LAKE_FILE.fullmatch(path.name) and path.is_file() and not path.is_symlink()
            if not ours and not path.name.endswith(TEMPORARY) and path != folder / "set_aside":
                yield path


def _foreign(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in folder.iterdir():
            if not moving.SHARD_FILE.fullmatch(path.name) and not path.name.endswith(TEMPORARY):
                yield path
