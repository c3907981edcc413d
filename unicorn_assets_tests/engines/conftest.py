"""Servers for the tests of served engines."""

import pytest

from unicorn_assets.engines.openai import gate
from unicorn_assets_tests.engines.dummy_server import DummyServer


@pytest.fixture
def server():
    """A dummy server with one model, `dummy`."""
    with DummyServer() as running:
        yield running


@pytest.fixture
def soon(monkeypatch):
    """Waits between tries are a fiftieth of the usual."""
    monkeypatch.setattr(gate, "SHORTEST_PAUSE", 0.01)
    monkeypatch.setattr(gate, "LONGEST_PAUSE", 0.2)
