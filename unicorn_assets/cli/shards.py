"""The shard table of `unicorn status`: one line a shard, a mark a stage."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from unicorn_assets.lake.layout import ALL
from unicorn_assets.stages.corpus import DATASETS
from unicorn_assets.stages.freshness import Condition, State

SHOWN = 20
MARKS: dict[Condition, str] = {"fresh": "=", "stale": "s", "missing": "-", "damaged": "d", "failed": "F"}
LAYOUT = "{:<12}{:<10}{:>9}{:>13}  {:<27}{}"


def shard_table(found: Sequence[State], *, every: bool) -> Iterator[str]:
    """The lines of the table.

    Args:
        found: the state of every shard of every stage.
        every: every shard, rather than the first few of those that are not fresh.
    """
    shards: dict[str, dict[str, State]] = defaultdict(dict)
    for state in found:
        if state.shard != ALL:
            shards[state.shard][state.stage] = state
    open_ones = [shard for shard, states in shards.items() if _first_open(states) is not None]
    chosen = list(shards) if every else open_ones[:SHOWN]
    yield f"{len(shards) - len(open_ones):,} of {len(shards):,} shards are fresh in all stages."
    if not chosen:
        return
    order = ", ".join(next(iter(shards.values())))
    yield f"Marks, in the order {order}: " + ", ".join(f"{mark} {name}" for name, mark in MARKS.items())
    yield LAYOUT.format("shard", "stages", "pretrain", "instruction", "last run (UTC)", "why").rstrip()
    for shard in chosen:
        yield _line(shard, shards[shard])
    if not every and len(open_ones) > SHOWN:
        yield f"and {len(open_ones) - SHOWN:,} more; `unicorn status --shards` shows every shard"


def _first_open(states: dict[str, State]) -> State | None:
    return next((state for state in states.values() if state.condition != "fresh"), None)


def _line(shard: str, states: dict[str, State]) -> str:
    marks = "".join(MARKS[state.condition] for state in states.values())
    datasets = (states[name].sidecar for name in DATASETS)
    rows = (f"{made.rows_out:,}" if made is not None else "-" for made in datasets)
    runs = [state.sidecar.run for state in states.values() if state.sidecar is not None]
    last = max(runs, key=lambda run: run.started, default=None)
    when = f"{last.started[:16].replace('T', ' ')}  {last.run_id[:8]}" if last is not None else "-"
    first = _first_open(states)
    why = f"{first.stage} {first.condition}: {first.why}" if first is not None else ""
    return LAYOUT.format(shard, marks, *rows, when, why).rstrip()
