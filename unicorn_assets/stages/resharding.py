"""Makes HOME's lake and answers for another number of shards, beside those that stand.

Three ways, by what a shard costs. The gathered seeds are sorted anew, without their sources. Rows that were bought, or
took long to make, are moved as they are. The other stages are made of them by their own bodies: what they make depends
on their inputs alone, so it is what moving would give, checks and figures included. Nobody asks an engine or an
encoder.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from unicorn_assets import recipe as recipes
from unicorn_assets.engines import moving as stored
from unicorn_assets.errors import BenchmarkError, LakeError
from unicorn_assets.home import Home
from unicorn_assets.identity import shard_name, shard_names
from unicorn_assets.lake.drafts import Drafts
from unicorn_assets.lake.files import explained, linked, write_whole
from unicorn_assets.lake.fingerprint import fingerprint
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.shards import write_rows
from unicorn_assets.lake.sidecar import Sidecar
from unicorn_assets.lake.sorting import insert, ordered, workbench
from unicorn_assets.lake.switch import RECIPE, Marker
from unicorn_assets.lake.withdrawals import FILE as WITHDRAWN
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages import freshness
from unicorn_assets.stages.base import Finished, Made, Stage, Work
from unicorn_assets.stages.contamination import CONTAMINATION, identities
from unicorn_assets.stages.corpus import coverage, upstream
from unicorn_assets.stages.moving import Mover, movable, places, record_batches, whole
from unicorn_assets.stages.reshard_plan import Plan, names_shards
from unicorn_assets.stages.runner import describe, named
from unicorn_assets.stages.seeds import SEED_SOURCES
from unicorn_assets.stages.sharing import MOVED, SPENT, Shares, unspent
from unicorn_assets.stages.tools import Tools
from unicorn_assets.stages.unasked import UnaskedEncoder, UnaskedEngine
from unicorn_assets.synthesis.seeds.buckets import SEEDS, write_buckets

Tell = Callable[[str, int, int], object]
"""Hears of each stage that is through: its name, new shards made, new shards in all."""


def resharded(recipe: Recipe, shards: int) -> Recipe:
    """The recipe with another number of shards."""
    return recipe.model_copy(update={"shards": shards})


class Resharding:
    """A move to another number of shards, in HOME/reshard/new. Nothing that stands is touched.

    Args:
        tools: home and recipe as they are; the encoder is asked for its identity alone.
        plan: what moves.
        tell: hears how far it is.
    """

    def __init__(self, tools: Tools, plan: Plan, tell: Tell = lambda stage, made, shards: None) -> None:
        self._plan, self._tell, self._before = plan, tell, tools
        self._old, self._switch = tools.home.lake, tools.home.switch
        self._answers = tools.home.path / "answers"
        self._home = Home(self._switch.new)
        self._tools = Tools(
            self._home,
            resharded(tools.recipe, plan.flow.after),
            make_engine=lambda chosen, settings, home: UnaskedEngine(chosen),
            make_encoder=lambda chosen: UnaskedEncoder(tools.encoder),
            make_image_encoder=tools.make_image_encoder,
        )
        self._folders: list[str] = []

    def make(self) -> Marker:
        """Makes everything; returns what is to be exchanged.

        Raises:
            LakeError: a file is damaged, or the disk is full.
            AskedError: a stage cannot be made of what is kept.
        """
        with explained(self._switch.scratch):
            self._switch.scratch.mkdir(parents=True)
        self._home.lake.open()
        write_whole(self._home.path / RECIPE, recipes.dump(self._tools.recipe))
        if (self._answers.parent / WITHDRAWN).is_file():  # what is withdrawn decides what the seeds are
            linked(self._answers.parent / WITHDRAWN, self._home.path / WITHDRAWN)
        self._deal_answers()
        for stage in self._plan.stages.values():
            if stage is SEED_SOURCES:
                self._sort_seeds()
            elif not stage.sharded:
                self._carry(stage)
            else:
                self._deal(stage)
        self._look_over()
        return Marker(self._plan.flow.before, self._plan.flow.after, tuple(self._folders))

    def _sort_seeds(self) -> None:
        made, flow = self._plan.seeds, self._plan.flow
        if made is None:
            return
        whole(self._old, made)
        fields = made.fields | {"shards": flow.after}
        expected = fingerprint(made.stage, fields, made.inputs)
        with Drafts(self._home.lake, made.stage, ALL) as drafts, workbench(drafts.folder()) as bench:
            insert(bench, "seeds", SEEDS.empty_table())
            for batch in record_batches(self._old.rows(made.stage, ALL)):
                ids = batch["id"].to_pylist()
                new = places(ids, flow.after)
                flow.count(places(ids, flow.before), new)
                insert(bench, "seeds", _named_anew(batch, new))
            rows = ordered(bench, "seeds", SEEDS, ("shard", "id"))
            buckets = write_buckets(drafts.add("rows"), rows, shard_names(flow.after))
            linked(self._old.set_aside(made.stage, ALL), drafts.add("set_aside"))
            told = Made(
                made.rows_in, made.rows_out, made.rejected, made.not_selected, produced=buckets, metrics=made.metrics
            )
            work = Work(self._tools, made.stage, ALL, {}, expected)
            drafts.publish(describe(Finished(work, SEED_SOURCES, drafts, told), fields, made.run))
        self._folders.append(f"lake/{made.stage}")
        self._tell(made.stage, 1, 1)

    def _carry(self, stage: Stage) -> None:
        """What has no shards stays as it is. Where its rows name shards, they name the new ones."""
        try:
            made = self._old.sidecar(stage.name, ALL)
        except LakeError:
            return  # damaged: it is left where it stands, and `unicorn status` says so
        if made is None or self._old.damage(made):
            return
        seen = self._seen(stage, made)
        with Drafts(self._home.lake, stage.name, ALL) as drafts:
            for kind, data in made.files.items():
                source, target = self._old.root / stage.name / data.name, drafts.add(kind)
                if kind == "rows" and names_shards(stage):
                    self._rename_shards(whole(self._old, made), stage, target)
                else:
                    linked(source, target)
            inputs = {name: self._input(name, before) for name, before in made.inputs.items()}
            told = {"files": drafts.describe(), "inputs": inputs, "produced": seen or made.produced}
            drafts.publish(made.model_copy(update=told))
        if names_shards(stage) or seen:
            self._folders.append(f"lake/{stage.name}")

    def _seen(self, stage: Stage, made: Sidecar) -> dict[str, str]:
        """The new shards of which every row has been looked through for contamination; nobody looks there again."""
        if stage.name != CONTAMINATION.name:
            return {}
        flow = self._plan.flow
        try:
            before = identities(self._before, coverage(self._before)[1])
            after = identities(self._tools, coverage(self._tools)[1])
        except BenchmarkError:
            return {}
        known = [made.produced.get(shard) == before.get(shard, "") for shard in shard_names(flow.before)]
        return {
            shard: after[shard]
            for new, shard in enumerate(shard_names(flow.after))
            if shard in after and all(known[old] for old in flow.sources(new))
        }

    def _rename_shards(self, made: Sidecar, stage: Stage, target: Path) -> None:
        def renamed() -> Iterator[pa.Table]:
            for batch in record_batches(self._old.rows(stage.name, made.shard)):
                yield _named_anew(batch, places(batch["id"].to_pylist(), self._plan.flow.after))

        write_rows(target, stage.written, renamed())

    def _input(self, name: str, before: str) -> str:
        """What an input is called by, where it was the seeds as they stood before."""
        seeds, sorted_anew = self._plan.seeds, self._home.lake.sidecar(SEED_SOURCES.name, ALL)
        same = name == SEED_SOURCES.name and seeds is not None and before == seeds.produced_for(ALL)
        return sorted_anew.produced_for(ALL) if same and sorted_anew is not None else before

    def _deal(self, stage: Stage) -> None:
        flow, moves = self._plan.flow, self._plan.moves(stage.name)
        with explained(self._home.lake.root):
            (self._home.lake.root / stage.name / "set_aside").mkdir(parents=True)
        self._folders.append(f"lake/{stage.name}")
        made = self._plan.made(stage.name)
        if not made:
            return
        shares, fields = Shares(made, flow), freshness.decided(stage, self._tools)
        if movable(stage, self._old, list(made.values())):
            with Mover(stage, self._old, made, flow.after, self._switch.scratch) as mover:
                for new in moves:
                    self._move(stage, new, mover, [made[old] for old in flow.sources(new)], shares, fields)
        else:
            for new in moves:
                self._make(stage, new, shares, fields)
        self._tell(stage.name, len(moves), flow.after)

    def _work(self, stage: Stage, new: int, fields: Mapping[str, Any]) -> Work:
        shard, inputs = shard_name(new), {}
        for name in stage.inputs:
            above = self._home.lake.sidecar(name, shard if self._plan.stages[name].sharded else ALL)
            if above is None:
                raise LakeError(
                    f"{stage.name} [{shard}] cannot be made: {name} above it is missing.", "`unicorn run` first."
                )
            inputs[name] = above
        expected = fingerprint(stage.name, fields, {} if stage.frozen else named(inputs, shard))
        return Work(self._tools, stage.name, shard, inputs, expected)

    def _move(
        self, stage: Stage, new: int, mover: Mover, sources: list[Sidecar], shares: Shares, fields: dict[str, Any]
    ) -> None:
        work = self._work(stage, new, fields)
        with Drafts(self._home.lake, stage.name, work.shard) as drafts:
            rows_out, outcomes = mover.write(new, work, drafts)
            figures = stage.figures(drafts.paths) if stage.figures is not None else {}
            rejected, left = outcomes["rejected"], outcomes["not_selected"]
            rows_in = work.inputs[stage.inputs[0]].rows_out
            if rows_in != rows_out + rejected.total() + left.total():
                raise LakeError(
                    f"{stage.name} [{work.shard}] would be made of {rows_in:,} rows and account for "
                    f"{rows_out + rejected.total() + left.total():,}.",
                    "this is an error of the program; nothing was changed.",
                )
            metrics = unspent(sources, figures) | shares.metrics(new, rows_out)
            told = Made(rows_in, rows_out, rejected, left, metrics=metrics)
            drafts.publish(describe(Finished(work, stage, drafts, told), fields, shares.run(new)))

    def _make(self, stage: Stage, new: int, shares: Shares, fields: dict[str, Any]) -> None:
        work = self._work(stage, new, fields)
        with (
            explained(self._home.lake.rows(stage.name, work.shard)),
            Drafts(self._home.lake, stage.name, work.shard) as drafts,
        ):
            told = stage.body(work, drafts)
            kept = {name: value for name, value in told.metrics.items() if name not in (*SPENT, MOVED)}
            told = replace(told, metrics=kept | shares.metrics(new, told.rows_out))
            drafts.publish(describe(Finished(work, stage, drafts, told), fields, shares.run(new)))

    def _deal_answers(self) -> None:
        for stage in self._plan.answers:
            folder, scratch = self._home.path / "answers" / stage, self._switch.scratch / f"answers-{stage}"
            with explained(folder):
                folder.mkdir(parents=True, exist_ok=True)
                scratch.mkdir()
            stored.deal(self._answers / stage, folder, self._plan.flow.after, scratch)
            self._folders.append(f"answers/{stage}")

    def _look_over(self) -> None:
        """Whatever has moved must stand as fresh as before, or it would be made again.

        Raises:
            LakeError: a shard would not.
        """
        moved = {stage.name: set(map(shard_name, self._plan.moves(stage.name))) for stage in self._plan.sharded}
        for one in freshness.states(self._tools, upstream(self._tools.recipe)):
            # A check that looks at a shard as a whole may find what it did not find in smaller ones.
            waits = one.why.endswith((" is failed", " is stale"))
            if one.shard in moved.get(one.stage, ()) and one.condition not in ("fresh", "failed") and not waits:
                raise LakeError(
                    f"{one.stage} [{one.shard}] would be {one.condition} after the move: {one.why}",
                    "this is an error of the program; nothing was changed.",
                )


def _named_anew(batch: pa.RecordBatch, new: NDArray[np.int64]) -> pa.Table:
    """The rows with the names of their new shards."""
    names = pa.array([shard_name(one) for one in new.tolist()], pa.string())
    place = batch.schema.get_field_index("shard")
    return pa.Table.from_batches([batch]).set_column(place, batch.schema.field(place), names)
