"""The LLaVA files of a release: one JSON array each, streamed, one record a line.

Records are those of the paper's code: `id`, `caption`, `conversations`. They have no `image` key, since there is no
image; the vector of the same id stands in for it.
"""

import json
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from unicorn_assets.lake.files import explained

FOLDER = "llava"
RECORD = ("id", "caption", "conversations")


class ArrayWriter:
    """Writes records as one JSON array to `path`.

    Raises:
        LakeError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with explained(path):
            self._file = path.open("w", encoding="utf-8", newline="\n")
        self._separator = "[\n"

    def write(self, records: Iterable[dict[str, Any]]) -> None:
        """Appends records.

        Raises:
            LakeError: the file cannot be written.
        """
        with explained(self._path):
            for record in records:
                self._file.write(self._separator + json.dumps(record, ensure_ascii=False))
                self._separator = ",\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with explained(self._path), self._file:
            if kind is None:
                self._file.write("[]\n" if self._separator == "[\n" else "\n]\n")


def schema() -> dict[str, Any]:
    """The written JSON schema (draft 2020-12) of both files."""
    text = files("unicorn_assets.release").joinpath("llava.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
