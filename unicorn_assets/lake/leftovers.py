"""Files that nothing needs: what they are, under which lock they may go, and how they go."""

import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from unicorn_assets.lake.files import explained


@dataclass(frozen=True)
class Leftover:
    """A file or folder that can go.

    Args:
        kind: what it is, in the plural, as totals are counted.
        path: where it is.
        why: why nothing needs it.
    """

    kind: str
    path: Path
    why: str

    @property
    def bytes(self) -> int:
        """Bytes of its files; a link counts as itself."""
        return weight(self.path)


@dataclass(frozen=True)
class Area:
    """A part of HOME that is looked through and cleared under a lock of its own.

    Args:
        find: the leftovers in it as it stands.
        lock: keeps its users off; raises BusyError where there are some.
        strangers: what is in it that nobody here knows; it is left alone.
    """

    find: Callable[[], Iterable[Leftover]]
    lock: Callable[[], AbstractContextManager[None]] = nullcontext
    strangers: list[Path] = field(default_factory=list)

    def look(self) -> list[Leftover]:
        """What could go.

        Raises:
            BusyError: somebody is at work here, so that nothing can be said.
        """
        with self.lock():
            return list(self.find())

    def clear(self) -> list[Leftover]:
        """Removes what can go, found anew now that nobody else is here; returns it.

        Raises:
            BusyError: somebody is at work here; nothing was removed.
            LakeError: something cannot be removed.
        """
        with self.lock():
            found = list(self.find())
            sizes = [Weighed(one.kind, one.path, one.why, one.bytes) for one in found]
            for one in found:
                with explained(one.path):
                    remove(one.path)
            return list(sizes)


@dataclass(frozen=True)
class Weighed(Leftover):
    """One that is gone, with what it weighed."""

    weight: int = 0

    @property
    def bytes(self) -> int:
        """Bytes of what were its files."""
        return self.weight


def weight(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; no link is followed, and what vanishes meanwhile weighs nothing."""
    try:
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
        return sum(one.lstat().st_size for one in path.rglob("*") if one.is_symlink() or one.is_file())
    except FileNotFoundError:
        return 0


def remove(path: Path) -> None:
    """Removes a file, a link, or a folder with all that is in it; what links point to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def entries(folder: Path) -> list[Path]:
    """What is in a folder, by name; nothing where it is none, or a link to one."""
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
