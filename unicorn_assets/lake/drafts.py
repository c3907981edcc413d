"""The files of one shard while they are being made: temporary names, then all of them at once, the sidecar last."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from unicorn_assets.lake import files
from unicorn_assets.lake.layout import Lake
from unicorn_assets.lake.sidecar import DataFile, Sidecar


class Drafts:
    """The drafts of one shard of one stage; what is not published by the end of the block is removed.

    The caller holds the lock on the shard.
    """

    def __init__(self, lake: Lake, stage: str, shard: str) -> None:
        self._known = {
            "rows": lake.rows(stage, shard),
            "vectors": lake.vectors(stage, shard),
            "set_aside": lake.set_aside(stage, shard),
            "pairs": lake.pairs(stage, shard),
            "texts": lake.texts(stage, shard),
            "transfer": lake.transfer(stage, shard),
            "requests": lake.requests(stage, shard),
            "picture": lake.picture(stage, shard),
        }
        self._sidecar = lake.sidecar_path(stage, shard)
        self._targets: dict[str, Path] = {}
        self.paths: dict[str, Path] = {}
        self._scratch: TemporaryDirectory[str] | None = None
        with files.explained(self._sidecar):
            self._known["set_aside"].parent.mkdir(parents=True, exist_ok=True)
            for target in (*self._known.values(), self._sidecar):
                files.clear_leftovers(target.parent, target.name)

    def add(self, kind: str) -> Path:
        """The path to write the file of that kind to."""
        self._targets[kind] = self._known[kind]
        self._known[kind].parent.mkdir(parents=True, exist_ok=True)
        self.paths[kind] = files.temporary(self._known[kind])
        return self.paths[kind]

    def folder(self) -> Path:
        """A folder for what is needed only while the shard is made."""
        if self._scratch is None:
            self._scratch = TemporaryDirectory(  # named so that the next writer of the shard clears it after a kill
                prefix=f".{self._sidecar.name}.", suffix=files.TEMPORARY, dir=self._sidecar.parent
            )
        return Path(self._scratch.name)

    def describe(self) -> dict[str, DataFile]:
        """Name, size and hash of each finished file."""
        return {
            kind: DataFile(
                name=str(self._targets[kind].relative_to(self._sidecar.parent)),
                bytes=path.stat().st_size,
                sha256=files.sha256(path),
            )
            for kind, path in self.paths.items()
        }

    def publish(self, sidecar: Sidecar) -> None:
        """Gives the files their names. The old sidecar goes first, so that no kill can pair it with new data."""
        self._sidecar.unlink(missing_ok=True)
        for kind, path in self.paths.items():
            files.publish(path, self._targets[kind])
        for folder in {path.parent for path in self._targets.values()} - {self._sidecar.parent}:
            files.sync_folder(folder)
        files.write_whole(self._sidecar, sidecar.dump())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self.paths.values():
            path.unlink(missing_ok=True)
        if self._scratch is not None:
            self._scratch.cleanup()
