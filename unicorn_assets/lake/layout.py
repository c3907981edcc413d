"""Where things stand in the lake, and whether what stands there can be used."""

import json
from dataclasses import dataclass
from pathlib import Path

from unicorn_assets.errors import LakeError
from unicorn_assets.lake import sidecar
from unicorn_assets.lake.files import write_whole
from unicorn_assets.lake.sidecar import Sidecar

LAKE_VERSION = 1
"""Version of the layout and of the sidecar. A lake of another version is refused, never guessed at."""

ALL = "all"
"""The shard name of stages that have no shards."""

BESIDE = ("set_aside", "pairs", "texts")
"""Folders in that of a stage, for files of the same names as those of its rows, which stand alone that way."""


@dataclass(frozen=True)
class Lake:
    """The folder LAKE/STAGE/SHARD: rows as .parquet, vectors as .arrow, the sidecar as .json."""

    root: Path

    def rows(self, stage: str, shard: str) -> Path:
        """Rows of a shard, sorted by id."""
        return self.root / stage / f"{shard}.parquet"

    def vectors(self, stage: str, shard: str) -> Path:
        """Vectors of a shard, in the order of its rows."""
        return self.root / stage / f"{shard}.arrow"

    def set_aside(self, stage: str, shard: str) -> Path:
        """Rows that fell out, each with its reason; a folder of its own so that STAGE/*.parquet are rows alone."""
        return self.root / stage / "set_aside" / f"{shard}.parquet"

    def pairs(self, stage: str, shard: str) -> Path:
        """Pairs of rows that are near each other, where the stage looks for them."""
        return self.root / stage / "pairs" / f"{shard}.parquet"

    def texts(self, stage: str, shard: str) -> Path:
        """Texts that are near others, where the stage looks for them."""
        return self.root / stage / "texts" / f"{shard}.parquet"

    def picture(self, stage: str, shard: str) -> Path:
        """The picture of a fitted transfer, where the stage draws one."""
        return self.root / stage / f"{shard}.png"

    def requests(self, stage: str, shard: str) -> Path:
        """What seeds are missing for a wanted mix, for people to read."""
        return self.root / stage / f"{shard}.requests.csv"

    def transfer(self, stage: str, shard: str) -> Path:
        """A fitted transfer: tensors with their description in the header."""
        return self.root / stage / f"{shard}.safetensors"

    def sidecar_path(self, stage: str, shard: str) -> Path:
        """The sidecar's file."""
        return self.root / stage / f"{shard}.json"

    def sidecar(self, stage: str, shard: str) -> Sidecar | None:
        """The sidecar of a shard, None where the shard has not been made.

        Raises:
            LakeError: the file is damaged, or belongs to another shard.
        """
        path = self.sidecar_path(stage, shard)
        found = sidecar.read(path)
        if found is not None and (found.stage, found.shard) != (stage, shard):
            raise LakeError(
                f"{path} is the sidecar of {found.stage} [{found.shard}].",
                "delete that copy; if the shard is missing then, run again and it is made.",
            )
        return found

    def sidecars(self, stage: str) -> list[Sidecar]:
        """The sidecars of all shards of a stage that have been made, by shard."""
        found = (self.sidecar(stage, path.stem) for path in sorted((self.root / stage).glob("*.json")))
        return [one for one in found if one is not None]

    def damage(self, found: Sidecar) -> str | None:
        """What is wrong with a shard's files by name and size, None if nothing. Readers find the rest."""
        for data in found.files.values():
            path = self.root / found.stage / data.name
            if not path.is_file():
                return f"{path} is missing"
            if path.stat().st_size != data.bytes:
                return f"{path} has {path.stat().st_size:,} bytes instead of {data.bytes:,}"
        return None

    def need(self, stage: str, shard: str) -> Sidecar:
        """The sidecar of a shard that is about to be read.

        Raises:
            LakeError: the shard is not there, is damaged, or failed a blocking check.
        """
        found = self.sidecar(stage, shard)
        again = f"materialize {stage} [{shard}] again; finished answers are kept, so it is quick."
        if found is None:
            raise LakeError(f"{stage} [{shard}] has not been made yet.", f"materialize {stage} [{shard}] first.")
        wrong = self.damage(found)
        if wrong:
            raise LakeError(f"{stage} [{shard}] is damaged: {wrong}.", again)
        if found.blocked_by:
            raise LakeError(
                f"{stage} [{shard}] failed its check {found.blocked_by[0]!r}.",
                f"see the check's figures with `unicorn status`, mend the cause, and {again}",
            )
        return found

    def open(self) -> None:
        """Makes the lake if there is none, and refuses one of another version.

        Raises:
            LakeError: it has another version, does not say which, or cannot be written.
        """
        path = self.root / "lake.json"
        if not path.exists():
            write_whole(path, json.dumps({"lake_version": LAKE_VERSION}) + "\n")
            return
        try:
            version = json.loads(path.read_text(encoding="utf-8"))["lake_version"]
        except (OSError, ValueError, KeyError, TypeError):
            raise LakeError(
                f"{path} does not say which version of a lake this is.",
                f'if this version of unicorn_assets made it, write {{"lake_version": {LAKE_VERSION}}} into that file; '
                "else use another --home.",
            ) from None
        if version != LAKE_VERSION:
            raise LakeError(
                f"{path} says lake version {version}; this program reads version {LAKE_VERSION}.",
                "use the version of unicorn_assets that made it, or another --home.",
            )
