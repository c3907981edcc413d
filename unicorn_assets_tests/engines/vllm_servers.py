"""What the tests of the `vllm` engine share: rows, engines on the fake server, and a look at its processes."""

import json
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from unicorn_assets.engines.base import Message, Model, Request, Sampling
from unicorn_assets.engines.vllm import VllmEngine
from unicorn_assets.engines.vllm.group import Group
from unicorn_assets.engines.vllm.processes import marked
from unicorn_assets.settings import Settings
from unicorn_assets_tests.engines import fake_vllm
from unicorn_assets_tests.engines.store_answers import PROCESSES

PROCESSES.set_forkserver_preload([__name__])


def asked(text: str, max_tokens: int = 16) -> Request:
    sampling = Sampling(temperature=0.0, top_p=1.0, max_tokens=max_tokens, seed=len(text))
    return Request(text, "expansion", (Message("user", text),), {}, "1", None, sampling)


def rows(count: int, start: int = 0) -> list[Request]:
    return [asked(f"row {number}") for number in range(start, start + count)]


def until(true, seconds: float = 20.0):
    """Waits until `true` is, and gives what it says."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


class Fakes:
    """A HOME whose servers are fake ones."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.folder = folder / "fake"
        self.folder.mkdir()
        self.python = folder / "python"
        self.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake_vllm.__file__}" "{self.folder}" "$@"\n')
        self.python.chmod(0o755)

    def settings(self, endpoint: dict | None = None, **vllm: object) -> Settings:
        table = {"python": str(self.python), "idle_seconds": 30.0, "start_seconds": 20.0} | vllm
        return Settings.model_validate({"vllm": table, "endpoint": {"patience_seconds": 20.0} | (endpoint or {})})

    def engine(self, model: str = "m", hang_seconds: float = 60.0, **settings: object) -> VllmEngine:
        model_ = Model("vllm", model, "")
        return VllmEngine(model_, self.settings(**settings), self.home, hang_seconds=hang_seconds)

    def group(self, number: int = 0) -> Group:
        return Group(self.home, number)

    def tell(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    def starts(self) -> list[dict]:
        path = self.folder / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def asked(self) -> list[str]:
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def processes(self, number: int = 0) -> list[int]:
        return marked(self.group(number).mark)

    def end(self) -> None:
        """Ends all supervisors, and with them the servers."""
        for state in (self.group(number).state() for number in range(3)):
            if state.supervisor is not None and state.supervisor.lives:
                with suppress(ProcessLookupError):
                    os.kill(state.supervisor.number, signal.SIGTERM)
        until(lambda: not any(self.processes(number) for number in range(3)))


def ask_and_tell(folder: Path, count: int, tell, settings: dict) -> None:
    """Asks in a child process; tells the texts one by one, then None."""
    fakes = Fakes.__new__(Fakes)
    fakes.home, fakes.folder, fakes.python = folder / "home", folder / "fake", folder / "python"
    engine = fakes.engine(**settings)
    for _, answer in engine.generate(rows(count)):
        tell.send(answer.text)
    engine.close()
    tell.send(None)
