"""HOME: the one folder that a deployment lives in, the recipe it holds, and who may work in it."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets import recipe as recipes
from unicorn_assets import state
from unicorn_assets.encoders import precision
from unicorn_assets.errors import BusyError, LakeError, RecipeError
from unicorn_assets.lake.catalog import Catalog
from unicorn_assets.lake.files import explained, temporary, write_whole
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.locks import locked, shared
from unicorn_assets.lake.switch import Switch
from unicorn_assets.lake.withdrawals import FILE, Withdrawals
from unicorn_assets.recipe import CHECKOUT, Recipe

DEFAULT_RECIPE = "demo"
_SHARD_SIDECARS = "*/shard-[0-9][0-9][0-9][0-9].json"
STEP_WAIT_SECONDS = 3600.0
"""How long a step waits for another one at work on the same shard; it then finds the shard made."""


@dataclass(frozen=True)
class Home:
    """The folder HOME and where things stand in it."""

    path: Path

    @classmethod
    def resolve(cls, given: str | Path | None = None) -> "Home":
        """`given`, else UNICORN_HOME, else `data/` of the checkout, found from the package.

        Raises:
            RecipeError: the path starts with an unknown user's home.
        """
        return cls(recipes.absolute(Path(given or os.environ.get("UNICORN_HOME") or CHECKOUT / "data")))

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.path / "lake")

    @property
    def catalog(self) -> Catalog:
        """The DuckDB catalog; its file may be deleted at any time."""
        return Catalog(self.path / "catalog.duckdb", self.lake, self.path / "pending", self.path / "locks" / "catalog")

    @property
    def withdrawals(self) -> Withdrawals:
        """What was withdrawn and may not come back."""
        return Withdrawals(self.path / FILE, self.path / "locks" / "withdrawn")

    @property
    def releases(self) -> Path:
        """The releases, by recipe and version."""
        return self.path / "releases"

    @property
    def dagster(self) -> Path:
        """Dagster's own storage."""
        return self.path / "dagster"

    @property
    def state(self) -> Path:
        """The SQLite file of what must survive but is no data."""
        return self.path / state.FILE

    @property
    def recipe_file(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.toml"

    def signatures(self, kind: str, shard: str) -> Path:
        """The signatures of a shard's texts of a kind; derived, and may be deleted at any time."""
        return self.path / "signatures" / kind / f"{shard}.arrow"

    def answers(self, stage: str, shard: str) -> Path:
        """The store of a shard's answers, without its ending."""
        return self.path / "answers" / stage / shard

    def lock(self) -> AbstractContextManager[None]:
        """Keeps two `unicorn run` off one HOME.

        Raises:
            BusyError: another one is at work.
        """
        return locked(self.path / "locks" / "run", what=f"HOME {self.path}", wait_seconds=0)

    def step_lock(
        self, stage: str, shard: str, wait_seconds: float = STEP_WAIT_SECONDS
    ) -> AbstractContextManager[None]:
        """Keeps two steps off one shard.

        Raises:
            BusyError: another one is still at work after that time.
        """
        path = self.path / "locks" / f"{stage}.{shard}"
        return locked(path, what=f"{stage} [{shard}]", wait_seconds=wait_seconds)

    def at_work(self) -> AbstractContextManager[None]:
        """What a step holds for as long as it works, together with all others, against those who want HOME alone.

        Raises:
            BusyError: somebody has HOME alone.
        """
        return shared(self._work_lock, what=f"the whole of HOME {self.path}")

    @property
    def _work_lock(self) -> Path:
        return self.path / "locks" / "work"

    @contextmanager
    def alone(self, why: str) -> Iterator[None]:
        """Keeps everybody else who changes things off HOME, for work on the whole of it.

        Args:
            why: what wants it, for the error: `reshard`.

        Raises:
            BusyError: a command, the web UI or a step is at work; names it and the cure.
        """
        locks = self.path / "locks"
        holders = (
            (locks / "run", "`unicorn run` is at work on it", "wait until it has ended"),
            (locks / "dev", "`unicorn dev` serves it", "stop `unicorn dev`, and start it again afterwards"),
            (locks / "prune", "`unicorn prune` is at work on it", "wait until it has ended"),
            (self._work_lock, "a step is at work on it", "wait until no run is at work"),
        )
        with ExitStack() as stack:
            for path, who, cure in holders:
                try:
                    stack.enter_context(locked(path, what=who, wait_seconds=0))
                except BusyError:
                    raise BusyError(f"{why} wants HOME {self.path} alone, but {who}.", f"{cure}, then again.") from None
            yield

    @property
    def switch(self) -> Switch:
        """Where another number of shards is made ready to take the place of this one."""
        return Switch(self.path)

    def prepare(self) -> None:
        """Makes HOME if there is none, finds out now whether it can be written, and ends a reshard cut short.

        Raises:
            LakeError: it cannot be written, or its lake has another version.
        """
        if "?" in str(self.path):
            raise LakeError(f"DuckDB cannot open files below {self.path}.", "use a --home without a question mark.")
        probe = temporary(self.path / "probe")
        with explained(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink(missing_ok=True)  # another thread of this process may have been quicker
        self.switch.recover()
        self.lake.open()

    def recipe(self) -> Recipe | None:
        """The recipe that stands in HOME, None if there is none yet. Ends a reshard that a kill cut short.

        Raises:
            RecipeError: it is not valid.
            LakeError: a reshard cut short cannot be ended.
        """
        self.switch.recover()
        if not self.recipe_file.is_file():
            return None
        return recipes.load(str(self.recipe_file))

    def settled(self, recipe: Recipe) -> Recipe:
        """The recipe with what it leaves to the machine decided: as HOME's own recipe has it, else as is fastest here.

        So a HOME that moves to another machine keeps its shards.

        Raises:
            RecipeError: HOME's own recipe is not valid.
        """
        if recipe.encoder.dtype != "auto":
            return recipe
        own = self.recipe()
        dtype = precision.native() if own is None or own.encoder.dtype == "auto" else own.encoder.dtype
        return recipe.model_copy(update={"encoder": recipe.encoder.model_copy(update={"dtype": dtype})})

    def adopt(self, recipe: Recipe, *, change: bool = False) -> None:
        """Makes `recipe`, settled, the one of this HOME.

        Args:
            recipe: the resolved recipe.
            change: whether it may take another recipe's place.

        Raises:
            RecipeError: another recipe stands there and `change` is false, or the lake has another number of shards.
        """
        old, recipe = self.recipe(), self.settled(recipe)
        if old == recipe:
            return
        last = max((path.stem for path in self.lake.root.glob(_SHARD_SIDECARS)), default=None)
        shards = recipe.shards
        if last is not None:  # a lost recipe.toml does not make other shards of those that stand
            shards = old.shards if old is not None else max(shards, int(last.removeprefix("shard-")) + 1)
        if shards != recipe.shards:
            raise RecipeError(
                f"HOME {self.path} has {shards} shards; this recipe has {recipe.shards}.",
                f"keep --shards {shards}, use another --home, or move what stands with `unicorn reshard "
                f"{recipe.shards}`.",
            )
        if old is not None and not change and self.settled(old) != recipe:
            lines = "\n".join(f"  {line}" for line in recipes.differences(old, recipe))
            raise RecipeError(
                f"HOME {self.path} holds another recipe. What differs:\n{lines}",
                "use another --home, or add --change-recipe to go on with the new one (what it changes is made anew).",
            )
        write_whole(self.recipe_file, recipes.dump(recipe))
