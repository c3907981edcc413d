"""The JSON beside a shard's data: what decided its rows, what became of every row in, and how the run went.

A shard exists when its sidecar does. The part called `run` stands outside byte identity.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from unicorn_assets.errors import LakeError

Severity = Literal["ERROR", "WARN"]


class Part(BaseModel):
    """Shared settings of the sidecar's parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataFile(Part):
    """A file of the shard, named relative to its stage's folder."""

    name: str
    bytes: int
    sha256: str


class Check(Part):
    """What a check found. A failed ERROR that blocks makes the shard unusable for the stages below."""

    name: str
    passed: bool
    blocking: bool
    severity: Severity
    description: str
    figures: dict[str, Any] = {}


class Run(Part):
    """Who made the shard and when; no part of its identity."""

    run_id: str
    started: str
    seconds: float
    host: str
    version: str
    attempt: int = 1


class Sidecar(Part):
    """Everything about one shard of one stage that is not its data."""

    lake_version: int
    stage: str
    shard: str
    fingerprint: str
    fields: dict[str, Any]
    inputs: dict[str, str]
    produced: dict[str, str]
    rows_in: int
    rows_out: int
    rejected: dict[str, int]
    not_selected: dict[str, int]
    files: dict[str, DataFile]
    checks: list[Check]
    metrics: dict[str, Any]
    run: Run

    @property
    def blocked_by(self) -> list[str]:
        """Names of the failed checks that make this shard unusable."""
        return [
            check.name for check in self.checks if check.blocking and not check.passed and check.severity == "ERROR"
        ]

    def produced_for(self, shard: str) -> str:
        """What the stages below name as their input: changes exactly when the rows that they read change."""
        return self.produced.get(shard) or self.produced.get("all") or self.fingerprint

    def dump(self) -> str:
        """The sidecar as JSON text with sorted keys. A figure that is not finite becomes null, as JSON has no other."""
        return json.dumps(json.loads(self.model_dump_json()), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read(path: Path) -> Sidecar | None:
    """The sidecar in `path`, or None if there is none.

    Raises:
        LakeError: the file is damaged; names it and the cure.
    """
    try:
        return Sidecar.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        why = ": ".join([".".join(str(part) for part in problem["loc"]), problem["msg"]]).removeprefix(": ")
    except OSError as error:
        why = error.strerror or str(error)
    raise LakeError(
        f"The sidecar {path} is damaged ({why}).",
        "delete that file and run again; its shard is made anew from what stands.",
    )
