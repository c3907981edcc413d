"""HOME/withdrawn.jsonl: tombstones of what was withdrawn, a line each, appended and never rewritten.

A tombstone names a seed by its id (the hash of its cleaned text, wherever that comes from), a source by its name or a
licence; it holds for rows that come later too. Taking one back is a line of its own. A line counts once it is whole:
what a kill or a power cut leaves of the last one was never promised, and is told. Any other line that cannot be read
stops everything that reads seeds, since a seed might come back through it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from unicorn_assets.errors import LakeError
from unicorn_assets.lake.files import explained, sync_folder
from unicorn_assets.lake.locks import locked
from unicorn_assets.lake.sidecar import Part

FILE = "withdrawn.jsonl"
WAIT_SECONDS = 30.0
"""How long a writer waits for another one; a line takes milliseconds."""

Kind = Literal["seed", "source", "licence"]


class Withdrawal(Part):
    """A line of the file.

    Args:
        kind: what was withdrawn.
        name: the seed's id, the source's name, or the licence, compared without regard to case.
        why: in the words of whoever did it.
        when: UTC, in ISO 8601.
        undone: whether the line takes an earlier one back.
    """

    kind: Kind
    name: str
    why: str
    when: str
    undone: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What it holds for; the last line of a key counts."""
        return key(self.kind, self.name)


def key(kind: Kind, name: str) -> tuple[str, str]:
    """What lines about one thing have in common."""
    return kind, name.casefold() if kind == "licence" else name


@dataclass(frozen=True)
class Log:
    """What the file says.

    Args:
        lines: all lines, in order.
        torn: bytes of a last line that is not whole.
    """

    lines: tuple[Withdrawal, ...]
    torn: int = 0

    @property
    def in_force(self) -> tuple[Withdrawal, ...]:
        """What is withdrawn now, by kind and name."""
        last = {one.key: one for one in self.lines}
        return tuple(last[key] for key in sorted(last) if not last[key].undone)


@dataclass(frozen=True)
class Withdrawals:
    """The file of a home.

    Args:
        path: the file; a home without withdrawals has none.
        lock: lock file of whoever appends.
    """

    path: Path
    lock: Path

    def read(self) -> Log:
        """All lines.

        Raises:
            LakeError: the file cannot be read, or a line that is not the last is no tombstone; names it.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return Log(())
        except OSError as error:
            raise LakeError(
                f"{self.path} cannot be read: {error.strerror}.",
                "change its permissions; without it, what was withdrawn would come back.",
            ) from None
        *whole, last = content.split(b"\n")
        lines = [self._line(number, line) for number, line in enumerate(whole, start=1)]
        if not last:
            return Log(tuple(lines))
        try:
            return Log((*lines, Withdrawal.model_validate_json(last)))
        except ValidationError:
            return Log(tuple(lines), torn=len(last))

    def in_force(self) -> tuple[Withdrawal, ...]:
        """What is withdrawn now, by kind and name.

        Raises:
            LakeError: the file cannot be read.
        """
        return self.read().in_force

    def add(self, kind: Kind, name: str, why: str, *, undo: bool = False) -> tuple[Withdrawal, bool]:
        """Appends a line, unless it stands so already. When this returns, no kill and no power cut can undo it.

        Args:
            kind: what is withdrawn.
            name: which.
            why: the reason, kept with it.
            undo: takes it back instead.

        Returns:
            The line that holds now, and whether it is new.

        Raises:
            LakeError: nothing of that name is withdrawn and could be taken back; the file cannot be read or written.
            BusyError: somebody else has been writing for too long.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        one = Withdrawal(kind=kind, name=name, why=why, when=now, undone=undo)
        with locked(self.lock, what=self.path.name, wait_seconds=WAIT_SECONDS):
            log = self.read()
            standing = next((line for line in reversed(log.lines) if line.key == one.key), None)
            if undo and (standing is None or standing.undone):
                raise LakeError(
                    f"The {kind} {name} is not withdrawn, so that cannot be taken back.",
                    "see with `unicorn withdraw --list` what is.",
                )
            if not undo and standing is not None and not standing.undone:
                return standing, False
            with explained(self.path):
                self._append(one.model_dump_json(exclude_defaults=True).encode() + b"\n", log.torn)
        return one, True

    def _append(self, line: bytes, torn: int) -> None:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            end = os.lseek(descriptor, 0, os.SEEK_END) - torn
            if end and os.pread(descriptor, 1, end - 1) != b"\n":
                line = b"\n" + line  # the last line is whole but for its end
            if torn:
                os.ftruncate(descriptor, end)
            os.lseek(descriptor, end, os.SEEK_SET)
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_folder(self.path.parent)

    def _line(self, number: int, line: bytes) -> Withdrawal:
        try:
            return Withdrawal.model_validate_json(line)
        except ValidationError as error:
            raise LakeError(
                f"Line {number} of {self.path} is no withdrawal ({error.errors(include_url=False)[0]['msg']}).",
                "correct that line, or restore the file from a backup; until then no seeds are read, since what it "
                "withdraws could come back.",
            ) from None


def names(withdrawn: Withdrawal) -> Callable[[str, str, str], bool]:
    """Whether a row (id, source, licence) is what the tombstone names."""
    if withdrawn.kind == "seed":
        return lambda sample, source, licence: sample == withdrawn.name
    if withdrawn.kind == "source":
        return lambda sample, source, licence: source == withdrawn.name
    return lambda sample, source, licence: licence.casefold() == withdrawn.name.casefold()
