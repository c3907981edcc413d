"""A HOME made anew beside the old one takes its place: by renames that a kill may cut short anywhere.

HOME/reshard/new holds what is to come, laid out as in HOME. Once all of it is on the disk, `begin` writes a marker that
names the folders to be exchanged. From then on there is no way back, and whoever comes first goes through with it: each
rename is done or not, which shows. Nothing old is deleted before the last one.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained, publish, sync_folder, write_whole
from unicorn_assets.lake.locks import locked

FOLDER = "reshard"
WAIT_SECONDS = 60.0
"""How long a command waits for another one that exchanges the folders, which takes milliseconds."""
RECIPE = "recipe.toml"
CATALOG = "catalog.duckdb"


@dataclass(frozen=True)
class Marker:
    """What a switch does.

    Args:
        before: shards of the old HOME.
        after: shards of the new one.
        folders: those that are exchanged, relative to HOME: `lake/caption_seeds`.
    """

    before: int
    after: int
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Switch:
    """The folder HOME/reshard.

    Args:
        home: HOME.
    """

    home: Path

    @property
    def folder(self) -> Path:
        """All of it."""
        return self.home / FOLDER

    @property
    def new(self) -> Path:
        """What is to come, laid out as HOME."""
        return self.folder / "new"

    @property
    def old(self) -> Path:
        """What was, laid out as HOME."""
        return self.folder / "old"

    @property
    def scratch(self) -> Path:
        """What is needed only while the new one is made."""
        return self.folder / "scratch"

    @property
    def _ready(self) -> Path:
        return self.folder / "ready.json"

    @property
    def _done(self) -> Path:
        return self.folder / "done.json"

    def clear(self) -> None:
        """Removes what is left of one that is done, or that never came to its marker. The caller keeps others off.

        Raises:
            LakeError: it cannot be removed.
        """
        with explained(self.folder):
            for part in (self.new, self.old, self.scratch):
                if part.exists():
                    shutil.rmtree(part)

    def begun(self) -> bool:
        """Whether there is no way back."""
        return self._ready.exists()

    def begin(self, marker: Marker) -> None:
        """Goes through with it. All files below `new` are durable under their names.

        Raises:
            LakeError: a rename fails; the next command tries again.
        """
        with explained(self.new):
            for folder in (self.new, *(path for path in self.new.rglob("*") if path.is_dir()), self.folder, self.home):
                sync_folder(folder)
        write_whole(self._ready, json.dumps(asdict(marker)) + "\n")
        self.recover()

    def recover(self) -> None:
        """Ends a switch that has begun; nothing where there is none.

        Raises:
            BusyError: another process has been at it for a minute.
            LakeError: a rename fails; names the file.
        """
        if not self.begun():
            return
        with locked(self.home / "locks" / "switch", what="the switch of a reshard", wait_seconds=WAIT_SECONDS):
            if self.begun():
                self._go_through(_read(self._ready))

    def _go_through(self, marker: Marker) -> None:
        for name in marker.folders:
            staged, live, old = self.new / name, self.home / name, self.old / name
            if not staged.exists():
                continue  # a kill came after its turn
            with explained(live):
                old.parent.mkdir(parents=True, exist_ok=True)
                live.parent.mkdir(parents=True, exist_ok=True)
                if live.exists():
                    live.replace(old)
                    sync_folder(old.parent)
                staged.replace(live)
                sync_folder(live.parent)
        staged_recipe = self.new / RECIPE
        with explained(self.home / RECIPE):
            if staged_recipe.exists():
                publish(staged_recipe, self.home / RECIPE)
            self._forget_catalog()
            sync_folder(self.home)
            self._ready.replace(self._done)
            sync_folder(self.folder)
        self.clear()

    def _forget_catalog(self) -> None:
        """It is derived, and its readers make it anew."""
        with locked(self.home / "locks" / "catalog", what="the catalog", wait_seconds=WAIT_SECONDS):
            for path in (self.home / CATALOG, self.home / f"{CATALOG}.wal", *(self.home / "pending").glob("*.*.*")):
                path.unlink(missing_ok=True)

    def untold(self) -> Marker | None:
        """The switch that is done, but of which Dagster has not been told to the end."""
        return _read(self._done) if self._done.exists() else None

    def told(self) -> None:
        """Dagster has been told: nothing is left to do."""
        with explained(self._done):
            self._done.unlink(missing_ok=True)
            self.folder.rmdir()


def _read(path: Path) -> Marker:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return Marker(int(table["before"]), int(table["after"]), tuple(map(str, table["folders"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LakeError(
            f"{path} cannot be read ({error}); it says how a reshard of this HOME goes on.",
            f"restore it from a backup; {path.parent} holds both the old and the new shards.",
        ) from None
