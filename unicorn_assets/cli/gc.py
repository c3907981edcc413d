"""`unicorn gc`: names the files that nothing needs, by kind, with sizes and reasons; removes them on request."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.filesize import decimal

from unicorn_assets.errors import BusyError, RecipeError
from unicorn_assets.home import Home
from unicorn_assets.lake.leftovers import Area, Leftover
from unicorn_assets.proof.older import older_worlds
from unicorn_assets.stages.garbage import FOREIGN, areas

SHOWN = 10


def gc(home: Home, *, apply: bool, keep_releases: int | None = None) -> None:
    """Prints what could go, or what went.

    Args:
        home: where.
        apply: whether it goes.
        keep_releases: how many releases of each recipe stay, at the least 1; None keeps all.

    Raises:
        RecipeError: HOME holds no recipe, so nothing can be said of what it needs.
        UnicornError: HOME cannot be read or written.
    """
    console = Console(highlight=False, soft_wrap=True)
    recipe = home.recipe()
    if recipe is None:
        raise RecipeError(
            f"HOME {home.path} holds no recipe, so that nothing can be said of what it needs.",
            "give the --home that you mean, or put its recipe.toml back.",
        )
    everything = [*areas(home, recipe, keep_releases), *older_worlds(home.path / "proof")]
    found: list[Leftover] = []
    busy: list[str] = []
    for area in everything:
        try:
            found += area.clear() if apply else area.look()
        except BusyError as error:
            busy.append(error.what)
    if apply and any(one.kind == FOREIGN for one in found):
        home.catalog.rebuild()
    for line in _told(found, home, apply=apply):
        console.print(line, markup=False)
    for what in sorted(set(busy)):
        console.print(f"Left alone, since it is in use: {what}", markup=False)
    for line in _strangers(everything, home):
        console.print(line, markup=False)


def _told(found: Sequence[Leftover], home: Home, *, apply: bool) -> Iterator[str]:
    kinds: dict[str, list[Leftover]] = defaultdict(list)
    for one in found:
        kinds[one.kind].append(one)
    for kind, ones in kinds.items():
        yield f"{kind}: {len(ones):,}, {decimal(sum(one.bytes for one in ones))}"
        for one in ones[:SHOWN]:
            yield f"  {one.path.relative_to(home.path)} ({decimal(one.bytes)}): {one.why}"
        if len(ones) > SHOWN:
            yield f"  and {len(ones) - SHOWN:,} more"
    if not found:
        yield "Nothing is left over."
        return
    total = f"{len(found):,} in all, {decimal(sum(one.bytes for one in found))}"
    yield f"{total}: removed." if apply else f"{total}. Nothing was removed; `unicorn gc --apply` does."


def _strangers(everything: Sequence[Area], home: Home) -> Iterator[str]:
    strangers = sorted({path for area in everything for path in area.strangers})
    if strangers:
        yield "Not known here, and left alone:"
        for path in strangers:
            yield f"  {path.relative_to(home.path)}"
