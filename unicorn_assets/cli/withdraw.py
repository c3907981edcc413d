"""`unicorn withdraw`: takes a seed, a source or a licence out for good, and says what was made of it."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import get_args

import click

from unicorn_assets.cli.run import run
from unicorn_assets.errors import LakeError, RecipeError
from unicorn_assets.home import Home
from unicorn_assets.lake.fingerprint import fingerprint
from unicorn_assets.lake.layout import ALL
from unicorn_assets.lake.withdrawals import Kind, Withdrawal, key
from unicorn_assets.recipe import Recipe
from unicorn_assets.stages.freshness import decided
from unicorn_assets.stages.seeds import SEED_SOURCES
from unicorn_assets.stages.tools import Tools
from unicorn_assets.stages.tracing import identified
from unicorn_assets.stages.withdrawal import Reach, reach, sources_of

KINDS: tuple[Kind, ...] = get_args(Kind)
SHOWN = 20
"""Ids and shards that are named; `--json` names all."""


def withdraw(
    home: Home,
    named: dict[Kind, str | None],
    why: str | None,
    *,
    undo: bool = False,
    apply: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
    tools: Tools | None = None,
) -> int:
    """Records a withdrawal, or takes one back, and prints what it reaches.

    Args:
        home: where.
        named: the seed (its id or text), the source or the licence; exactly one.
        why: the reason; kept, and shown with the next release.
        undo: takes the withdrawal back.
        apply: makes anew what loses rows, and then the release.
        dry_run: records nothing.
        as_json: as JSON rather than for reading.
        tools: to work with others than the recipe's own engine or encoder.

    Returns:
        0, or 1 where something could not be made anew.

    Raises:
        RecipeError: not exactly one is named, or there is no reason.
        LakeError: HOME holds no recipe, or nothing of that name; or a file of it is damaged.
        BusyError: another `unicorn run` is at work; what was recorded stands all the same.
    """
    kind, name = _one(named)
    if not dry_run and not (why or "").strip():
        raise RecipeError(
            "A withdrawal needs a reason.", "give it with --why TEXT; it is kept, and shown with the next release."
        )
    if apply and dry_run:
        raise RecipeError("--apply and --dry-run contradict each other.", "give one of them.")
    recipe = home.recipe()
    if recipe is None:
        raise LakeError(f"HOME {home.path} holds no recipe yet, so nothing of it.", "check --home.")
    if kind == "seed":
        name = identified(name)
    found = reach(home, recipe, kind, name, undo=undo)
    line, new = None, False
    if not undo:
        _refuse_unknown(home, recipe, kind, name, found)
    if torn := home.withdrawals.read().torn:
        click.echo(_torn(home, torn), err=True)
    if not dry_run:
        line, new = home.withdrawals.add(kind, name, " ".join((why or "").split()), undo=undo)
    if as_json:
        recorded = None if line is None else line.model_dump()
        click.echo(json.dumps({"recorded": recorded, "new": new} | found.plain(), indent=1, ensure_ascii=False))
    else:
        click.echo("\n".join([*_lines(home, kind, name, line, new, undo, found), *_follows(home, recipe, found)]))
    if not apply:
        return 0
    return run(home, recipe, tools=tools, shards=found.shards)


def listed(home: Home, *, as_json: bool) -> None:
    """Prints what is withdrawn now.

    Raises:
        LakeError: the file of the withdrawals is damaged.
    """
    log = home.withdrawals.read()
    if as_json:
        plain = [one.model_dump(exclude={"undone"}) for one in log.in_force]
        click.echo(json.dumps({"withdrawn": plain, "torn_bytes": log.torn}, indent=1, ensure_ascii=False))
        return
    for one in log.in_force:
        click.echo(f"{one.when[:10]}  {one.kind} {one.name}: {one.why}")
    if not log.in_force:
        click.echo("Nothing is withdrawn.")
    if log.torn:
        click.echo(_torn(home, log.torn))


def summary(home: Home) -> Iterator[str]:
    """A line for `unicorn status` where anything is withdrawn.

    Raises:
        LakeError: the file of the withdrawals is damaged.
    """
    log = home.withdrawals.read()
    if counts := Counter(one.kind for one in log.in_force):
        told = ", ".join(f"{count:,} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items())
        yield f"Withdrawn: {told}; `unicorn withdraw --list` shows them."
    if log.torn:
        yield _torn(home, log.torn)


def _one(named: dict[Kind, str | None]) -> tuple[Kind, str]:
    given = [(kind, name) for kind, name in named.items() if name is not None and name.strip()]
    if len(given) != 1:
        options = ", ".join(f"--{kind}" for kind in KINDS)
        raise RecipeError("It is not clear what to withdraw.", f"name one of {options}, or see what is with --list.")
    return given[0]


def _refuse_unknown(home: Home, recipe: Recipe, kind: Kind, name: str, found: Reach) -> None:
    if any(one.key == key(kind, name) for one in home.withdrawals.in_force()):
        return
    if kind == "seed":
        if not found.anything:
            raise LakeError(
                f"HOME {home.path} holds nothing of a seed with the id {name}: no row, no answer, no release.",
                "give the id of a sample, or the seed's text as its source has it; `unicorn trace` finds both.",
            )
    elif not sources_of(home, recipe, kind, name):
        known = sorted({getattr(one, "name" if kind == "source" else kind) for one in recipe.seeds.sources})
        raise LakeError(f"HOME {home.path} has no {kind} {name!r}; it has {', '.join(known)}.", "name one of those.")


def _lines(
    home: Home, kind: Kind, name: str, line: Withdrawal | None, new: bool, undo: bool, found: Reach
) -> Iterator[str]:
    what = f"{kind} {name}"
    if line is None:
        yield f"Nothing is recorded (--dry-run). {'Taking back' if undo else 'Withdrawing'} the {what}:"
    elif undo:
        yield f"The {what} is withdrawn no more: {line.why}"
    elif new:
        yield f"The {what} is withdrawn, on record in {home.withdrawals.path}: {line.why}"
    else:
        yield f"The {what} was withdrawn already, on {line.when[:10]}: {line.why}"
    yield from _seeds(kind, found)
    if not undo:
        yield from _descendants(found)
        yield from _elsewhere(found)


def _follows(home: Home, recipe: Recipe, found: Reach) -> Iterator[str]:
    """What has to be made anew."""
    made = home.lake.sidecar(SEED_SOURCES.name, ALL)
    read = made is not None and made.fingerprint == fingerprint(
        SEED_SOURCES.name, decided(SEED_SOURCES, Tools(home, recipe)), {}
    )
    if read and not found.shards:
        yield "The seeds and all shards stand as the withdrawals want them; so does every release from now on."
        return
    sharded = [name for name, shards in found.partitions.items() if shards]
    parts = [] if read else [SEED_SOURCES.name]
    parts += [f"{sharded[0]} to {sharded[-1]} [{_named(found.shards)}]"] if sharded else []
    yield f"To be made anew: {'; '.join([*parts, *found.below])}."
    yield "--apply makes that, and so does `unicorn run` or a schedule that is on; until then no release goes out."


def _seeds(kind: Kind, found: Reach) -> Iterator[str]:
    if kind == "seed":
        return
    yield f"{len(found.seeds):,} seeds of it: {_named(found.seeds) or 'none'}"
    if found.stay:
        yield f"{found.stay:,} more stay, since another source gives them, too; --seed withdraws those."


def _descendants(found: Reach) -> Iterator[str]:
    if not found.rows:
        yield "Nothing stands in the lake that was made of it."
        return
    yield f"{'What stands of it':<28}{'rows':>10}{'set aside':>11}  shards"
    for stage in dict.fromkeys(one.stage for one in found.rows):
        mine = [one for one in found.rows if one.stage == stage]
        kept, aside = (sum(len(getattr(one, part)) for one in mine) for part in ("kept", "set_aside"))
        shards = _named([f"{one.shard} {len(one.kept) + len(one.set_aside):,}" for one in mine])
        yield f"  {stage:<26}{kept:>10,}{aside:>11,}  {shards}"


def _elsewhere(found: Reach) -> Iterator[str]:
    held = {stage: count for stage, count in found.answers.items() if count}
    if held:
        counts = ", ".join(f"{count:,} of {stage}" for stage, count in held.items())
        yield f"Stored answers: {counts}. They stay, so that taking it back costs nothing; `unicorn prune --answers`"
        yield "  drops them with all others of their shard, once that is fresh and old enough."
    for release, tables in found.releases.items():
        told = (
            tables if isinstance(tables, str) else ", ".join(f"{rows:,} of {table}" for table, rows in tables.items())
        )
        yield f"{release} carries it ({told})."
    if found.releases:
        yield "  A release never changes: delete its folder, and tell those who have copies."
    if found.fitted:
        yield f"The transfer was fitted on {found.fitted:,} of them and stays as it is, with their vectors beside it;"
        yield "  `unicorn run --refit` fits it without them, and makes every shard's image embeddings anew."


def _named(many: list[str]) -> str:
    more = f" and {len(many) - SHOWN:,} more (--json names all)" if len(many) > SHOWN else ""
    return ", ".join(many[:SHOWN]) + more


def _torn(home: Home, torn: int) -> str:
    return (
        f"The last line of {home.withdrawals.path} is cut off ({torn:,} bytes, of a command that was killed): that "
        "withdrawal does not hold. Withdraw again."
    )
