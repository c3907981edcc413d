"""Fingerprints: a hash of all that decides a stage's rows, and nothing else."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def fingerprint(stage: str, fields: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Hash of what decides a stage's rows, 32 hexadecimal digits.

    Args:
        stage: the stage's name.
        fields: recipe fields it reads, versions of its code, identity of its engine or encoder; JSON values.
        inputs: what each stage above produced (`Sidecar.produced_for`).
    """
    return digest({"stage": stage, "fields": fields, "inputs": inputs})


def digest(value: Any) -> str:
    """Hash of a JSON value that does not depend on the order of keys, 32 hexadecimal digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.blake2b(canonical.encode("utf-8"), digest_size=16).hexdigest()
