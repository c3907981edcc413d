"""`unicorn reshard`: another number of shards for the same HOME; what was made is moved, and nothing is asked again."""

from rich.console import Console

from unicorn_assets.defs import resharded as history
from unicorn_assets.defs.instance import open_instance
from unicorn_assets.errors import BusyError, RecipeError
from unicorn_assets.execution import requested
from unicorn_assets.execution.runs import reap
from unicorn_assets.home import Home
from unicorn_assets.lake.switch import Marker
from unicorn_assets.stages.reshard_plan import Plan, plan
from unicorn_assets.stages.resharding import Resharding
from unicorn_assets.stages.tools import Tools

SHOWN = 3


def reshard(home: Home, shards: int, *, partial: bool, tools: Tools | None = None) -> None:
    """Moves HOME to so many shards and says what it did.

    Args:
        home: where.
        shards: how many there are to be, 1 to 9,999.
        partial: whether what cannot move is left to be made again.
        tools: to work with another encoder than the recipe's own.

    Raises:
        BusyError: somebody is at work on HOME.
        RecipeError: HOME holds no recipe.
        LakeError: a file is damaged or not ours, or the disk is full. HOME stands as it stood.
        UnicornError: something that stands would have to be made again, and `partial` is false.
    """
    console = Console(highlight=False, soft_wrap=True)
    if home.recipe() is None:
        raise RecipeError(f"HOME {home.path} holds no recipe.", "give the --home that you made shards in.")
    with home.alone("unicorn reshard"):
        home.prepare()
        tools = tools or Tools.at(home)
        before = tools.recipe.shards
        try:
            if before != shards:
                _move(tools, shards, partial, console)
            else:
                console.print(f"HOME {home.path} has {_counted(shards)} already; nothing is to be moved.")
        finally:
            tools.close()
        moved = home.switch.untold()
        if moved is not None:
            _tell(home, moved, console)


def _move(tools: Tools, shards: int, partial: bool, console: Console) -> None:
    home = tools.home
    with open_instance(home) as instance:
        reap(instance)
        _refuse_work(home, requested.anything(instance))
    home.switch.clear()
    chosen = plan(tools, shards)
    if not partial:
        chosen.refuse_loss()
    chosen.refuse_full_disk(home.path)
    console.print(f"HOME {home.path}: from {_counted(tools.recipe.shards)} to {_counted(shards)}.")
    try:
        home.switch.begin(Resharding(tools, chosen, lambda *how: _say(console, *how)).make())
    finally:
        if not home.switch.begun():
            home.switch.clear()
    _account(console, chosen)


def _refuse_work(home: Home, work: list[str]) -> None:
    if work:
        more = f" and {len(work) - SHOWN:,} more" if len(work) > SHOWN else ""
        raise BusyError(
            f"HOME {home.path} has runs that are at work or wait: {', '.join(work[:SHOWN])}{more}.",
            "wait until they have ended, or cancel them in the web UI; then stop it, and again.",
        )


def _say(console: Console, stage: str, made: int, shards: int) -> None:
    console.print(f"{stage}: {made:,} of {_counted(shards)}" if shards > 1 else f"{stage}: done")


def _account(console: Console, chosen: Plan) -> None:
    left = {stage.name: chosen.flow.after - len(chosen.moves(stage.name)) for stage in chosen.sharded}
    if any(left.values()):
        told = ", ".join(f"{count:,} of {stage}" for stage, count in left.items() if count)
        console.print(f"Left to be made by `unicorn run`: {told}. Their answers have moved.")
    else:
        console.print("All shards have moved; no engine and no encoder was asked.")


def _tell(home: Home, moved: Marker, console: Console) -> None:
    with open_instance(home) as instance:
        told = history.tell(instance, home, Tools.at(home).recipe, moved)
    home.switch.told()
    console.print(f"The web UI knows: {told:,} materializations as they stand now.")
    console.print("Releases stay as they are; `unicorn run` makes the next one, with the new shards.")


def _counted(shards: int) -> str:
    return f"{shards:,} shard{'s' if shards != 1 else ''}"
