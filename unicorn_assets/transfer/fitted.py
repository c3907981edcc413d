"""A fitted transfer as one small file: safetensors with its tensors, and its description as JSON in the header.

One file rather than two, so that no kill can pair one's tensors with another's description.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from unicorn_assets.errors import LakeError, TransferError
from unicorn_assets.lake.files import explained
from unicorn_assets.lake.fingerprint import digest
from unicorn_assets.transfer.aniso import Aniso
from unicorn_assets.transfer.base import Method
from unicorn_assets.transfer.c3 import C3
from unicorn_assets.transfer.matched import Matched
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.none import NoTransfer
from unicorn_assets.transfer.realign import Realign
from unicorn_assets.transfer.rows import Doubles

FORMAT = 1
"""Version of the file's layout."""

METHODS: Mapping[str, type[Method]] = {
    NoTransfer.name: NoTransfer,
    MeanShift.name: MeanShift,
    C3.name: C3,
    Realign.name: Realign,
    Aniso.name: Aniso,
    Matched.name: Matched,
}
"""Every method, by the name that a recipe gives it."""

_KEY = "unicorn_transfer"
_FIT_AGAIN = "fit the transfer again by a refit of modality_alignment, or take the file from a backup."


class _Description(BaseModel):
    """The header: what the tensors are, where they come from, and the hash of it all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: int
    version: str
    method: str
    parameters: dict[str, Any]
    dimension: int = Field(ge=1)
    sample: int = Field(ge=0)
    images: int | None = Field(default=None, ge=0)
    fingerprints: dict[str, str]


@dataclass(frozen=True, eq=False)
class FittedTransfer:
    """A method with where its fit comes from.

    Args:
        method: the fitted method.
        sample: number of text embeddings that it was fitted on.
        fingerprints: what it was fitted on, by stage.
        images: number of image embeddings that it was fitted on; None for a method without images.
    """

    method: Method
    sample: int
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    images: int | None = None

    @property
    def version(self) -> str:
        """Hash of the method, its parameters and tensors, and where they come from: 32 hexadecimal digits."""
        return digest({**self._description(), "tensors": _digests(self.method.tensors)})

    def save(self, path: Path) -> None:
        """Writes the transfer to `path`. Plainly: giving the file its final name is the caller's.

        Raises:
            LakeError: the file cannot be written.
        """
        header = _Description(version=self.version, **self._description())
        # One key alone: safetensors writes several in no fixed order.
        content = save(
            self.method.tensors,
            metadata={_KEY: header.model_dump_json(exclude={"images"} if self.images is None else None)},
        )
        with explained(path):
            path.write_bytes(content)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The transfer in a file that `save` wrote.

        Raises:
            LakeError: the file is missing, damaged, of another kind or of another version of this program.
        """
        header, tensors = _read(path)
        if header.format != FORMAT:
            raise LakeError(
                f"{path} has format {header.format}; this program reads format {FORMAT}.",
                "use the version of unicorn_assets that made it, or fit the transfer again.",
            )
        if header.method not in METHODS:
            raise LakeError(
                f"{path} holds the method {header.method!r}, which this program does not have.",
                f"use the version of unicorn_assets that made it, or fit one of {', '.join(METHODS)}.",
            )
        try:
            method = METHODS[header.method].restore(header.parameters, tensors)
        except TransferError as error:
            what = f"{path} is damaged, or of an older form of the method {header.method}: {error.what}"
            raise LakeError(what, _FIT_AGAIN) from error
        fitted = cls(method, header.sample, header.fingerprints, header.images)
        if method.dimension != header.dimension or fitted.version != header.version:
            raise LakeError(f"{path} is damaged: its content does not have the hash that it names.", _FIT_AGAIN)
        return fitted

    def _description(self) -> dict[str, Any]:
        # Not named where there is none: versions of transfers without images stay what they were.
        images = {} if self.images is None else {"images": self.images}
        return images | {
            "format": FORMAT,
            "method": self.method.name,
            "parameters": self.method.parameters,
            "dimension": self.method.dimension,
            "sample": self.sample,
            "fingerprints": dict(sorted(self.fingerprints.items())),
        }


def _digests(tensors: Mapping[str, Doubles]) -> dict[str, list[Any]]:
    return {
        name: [list(tensor.shape), hashlib.sha256(tensor.astype("<f8").tobytes()).hexdigest()]
        for name, tensor in tensors.items()
    }


def _read(path: Path) -> tuple[_Description, dict[str, Doubles]]:
    try:
        with safe_open(path, framework="numpy") as file:
            header = (file.metadata() or {}).get(_KEY, "")
            names = file.keys()
            return _Description.model_validate_json(header), {name: file.get_tensor(name) for name in names}
    except FileNotFoundError:
        raise LakeError(f"There is no fitted transfer {path}.", "materialize modality_alignment first.") from None
    except (OSError, SafetensorError) as error:
        raise LakeError(f"{path} cannot be read as safetensors ({error}).", _FIT_AGAIN) from error
    except ValidationError as error:
        raise LakeError(
            f"{path} is no fitted transfer of this program: its header does not fit.", _FIT_AGAIN
        ) from error
