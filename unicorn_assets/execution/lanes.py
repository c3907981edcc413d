"""The lanes and their slots: where each worker keeps its files, which device it has, and when it is out of date."""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from unicorn_assets.settings import Settings

Lane = Literal["cpu", "gpu"]
LANES: tuple[Lane, ...] = ("cpu", "gpu")

PACKAGE = Path(__file__).parent.parent
_CODE = ("*.py", "*.toml", "*.json")
_ENVIRONMENT = ("UNICORN_", "CUDA_", "HF_", "VLLM_", "TORCH", "OMP_", "PYTHONPATH")
"""Beginnings of the variables that decide what a worker does; a worker with others is out of date."""


@dataclass(frozen=True)
class Slot:
    """A place for one worker.

    Args:
        home: HOME.
        lane: the lane.
        number: which of the lane's slots, from 0.
        device: for CUDA_VISIBLE_DEVICES; empty leaves that as it is.
    """

    home: Path
    lane: Lane
    number: int
    device: str = ""

    @property
    def folder(self) -> Path:
        """Everything of the slot."""
        return self.home / "lanes" / f"{self.lane}-{self.number}"

    @property
    def lock(self) -> Path:
        """Locked by the worker for as long as it lives."""
        return self.folder / "worker.lock"

    @property
    def log(self) -> Path:
        """What the worker and its steps print."""
        return self.folder / "worker.log"

    @property
    def holder(self) -> Path:
        """Names the worker and whom it works for."""
        return self.folder / "worker.json"


def slots(home: Path, settings: Settings, lane: Lane) -> list[Slot]:
    """The slots of a lane; on the gpu lane the first ones are on a device each."""
    lanes = settings.lanes
    if lane == "cpu":
        return [Slot(home, lane, number) for number in range(lanes.cpu_workers)]
    devices = lanes.devices * lanes.workers_per_device
    return [Slot(home, lane, number, device) for number, device in enumerate(devices)]


def admitted(settings: Settings) -> int:
    """How many steps may be on the gpu lane at once: one at work and one about to be for each slot.

    With no more than the slots, a device would stand idle until a waiting run looks again for a place in the pool,
    which takes seconds.
    """
    return 2 * len(settings.lanes.devices) * settings.lanes.workers_per_device


def memory_limit(settings: Settings) -> int:
    """Bytes of memory that one worker may hold."""
    if settings.lanes.memory_mib is not None:
        return settings.lanes.memory_mib << 20
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * 3 // 4


def identity(home: Path, settings: Settings) -> str:
    """Hash of what a worker has loaded: code, recipe, settings and environment. Another one asks for another worker."""
    told = hashlib.blake2b(digest_size=16)
    for path in sorted(path for pattern in _CODE for path in PACKAGE.rglob(pattern)):
        status = path.stat()
        told.update(f"{path}\0{status.st_mtime_ns}\0{status.st_size}\0".encode())
    for path in (home / "recipe.toml", home / "settings.toml"):
        told.update(path.read_bytes() if path.is_file() else b"none")
        told.update(b"\0")
    for name, value in sorted(os.environ.items()):
        if name.startswith(_ENVIRONMENT) or name in settings.key_variables:
            told.update(f"{name}\0{value}\0".encode(errors="surrogateescape"))
    told.update(sys.executable.encode())
    return told.hexdigest()
