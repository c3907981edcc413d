"""`unicorn prune`: drops old runs, events and alerts, on request old answers too; keeps lake, releases and all else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal

from unicorn_assets.alerts import outbox, progress, pruning
from unicorn_assets.defs.instance import open_instance
from unicorn_assets.engines.store import drop
from unicorn_assets.errors import BusyError, LakeError
from unicorn_assets.execution.old_runs import Old, OldRuns
from unicorn_assets.home import Home
from unicorn_assets.lake.locks import locked
from unicorn_assets.stages.spent import Spent, spent
from unicorn_assets.stages.tools import Tools


def prune(home: Home, age: timedelta, *, answers: bool, dry_run: bool, tools: Tools | None = None) -> None:
    """Drops what is older than `age` and says what it did.

    Args:
        home: where.
        age: how long ago something must have ended to go.
        answers: whether stored answers of shards long complete go too.
        dry_run: whether to say only what would be done.
        tools: to work with another encoder than the recipe's own.

    Raises:
        BusyError: another one is at work, or, where answers are to go, a `unicorn run`.
        UnicornError: there is no HOME, or it or its recipe cannot be read or written.
    """
    console, before = Console(highlight=False), datetime.now(UTC) - age
    if not home.path.is_dir():
        raise LakeError(f"There is no HOME {home.path}.", "name the one that is meant with --home.")
    home.prepare()
    with locked(home.path / "locks" / "prune", what=f"pruning HOME {home.path}", wait_seconds=0):
        _prune_alerts(home, before, _prune_runs(home, _told_of(home, before), console, dry_run), console, dry_run)
        if answers and dry_run:
            _tell_answers(list(spent(tools or Tools.at(home), before)), [], console, dry_run)
        elif answers:
            with home.lock():
                _drop_answers(tools or Tools.at(home), before, console)
    if dry_run:
        console.print("Nothing was deleted (--dry-run).")


def _told_of(home: Home, before: datetime) -> datetime:
    """A time no later than `before` up to which the alerts have read all runs; a day at most is left to them."""
    if not home.state.is_file():
        return before
    with outbox.opened(home.state) as connection:
        read = progress.read_until(connection)
    if read is None:
        return before
    day_ago = datetime.now(UTC) - timedelta(seconds=progress.FIRST_LOOK_SECONDS)
    return min(before, max(day_ago, datetime.fromtimestamp(read, UTC)))


def _prune_runs(home: Home, before: datetime, console: Console, dry_run: bool) -> set[str]:
    """Returns the runs that stay."""
    with open_instance(home) as instance:
        history = OldRuns(instance, home.path / "locks" / "prune.runs")
        taken, old = _disk(home.dagster), history.old(before)
        _tell_runs(old, console, dry_run)
        stay = set(instance.get_run_ids()) - set(old.gone)
        if dry_run:
            return stay
        history.delete(old.gone)
        if not history.shrink():
            console.print("A database of Dagster is busy and stays as large as it is; prune again when less goes on.")
        if not history.in_files:
            console.print("Postgres keeps the space of their events for those to come.")
    console.print(f"Freed {decimal(max(0, taken - _disk(home.dagster)))} in {home.dagster}.", soft_wrap=True)
    return stay


def _prune_alerts(home: Home, before: datetime, living: set[str], console: Console, dry_run: bool) -> None:
    if home.state.is_file():
        with outbox.opened(home.state) as connection:
            when = before.timestamp()
            gone = len(pruning.old(connection, when, living)) if dry_run else pruning.drop(connection, when, living)
        console.print(f"{gone:,} alerts of that age that have arrived {'would go' if dry_run else 'go'}.")


def _tell_runs(old: Old, console: Console, dry_run: bool) -> None:
    gone, verb = len(old.gone), "would go" if dry_run else "go"
    console.print(f"{gone:,} of {gone + old.newest + old.in_backfill:,} finished runs of that age {verb}.")
    if old.newest:
        console.print(f"{old.newest:,} stay: what the web UI shows of an asset, shard or check stands on them.")
    if old.in_backfill:
        console.print(f"{old.in_backfill:,} stay: their backfill is not finished.")


def _drop_answers(tools: Tools, before: datetime, console: Console) -> None:
    dropped: list[Spent] = []
    busy: list[Spent] = []
    for one in spent(tools, before):
        try:
            with tools.home.step_lock(one.stage, one.shard, wait_seconds=0):
                drop(one.path)
            dropped.append(one)
        except BusyError:
            busy.append(one)
    _tell_answers(dropped, busy, console, dry_run=False)


def _tell_answers(dropped: list[Spent], busy: list[Spent], console: Console, dry_run: bool) -> None:
    if not dropped:
        console.print("No answers of shards that long complete and fresh.")
    else:
        shards, count = len({one.shard for one in dropped}), sum(one.answers for one in dropped)
        what = f"{count:,} answers of {shards:,} shards ({decimal(sum(one.bytes for one in dropped))})"
        console.print(f"{what} {'would be' if dry_run else 'are'} dropped; what was made of them stays as it is.")
        console.print(
            "What is lost: a change of recipe that makes one of these shards stale, a refit, or a damaged file there "
            "has the engine asked again, at its price.",
            soft_wrap=True,
        )
    if busy:
        console.print(f"{len(busy)} stores are in use and stay; prune again later.")


def _disk(folder: Path) -> int:
    """Bytes that a folder takes on disk; what vanishes meanwhile counts as gone."""
    taken = 0
    for path in folder.rglob("*"):
        try:
            taken += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return taken
