"""The key of a server is in nothing that is written, said or shown: searched for byte by byte."""

import base64
import logging
import traceback

import duckdb
import pyarrow.parquet as pq
import pytest

from unicorn_assets.cli import run as command
from unicorn_assets.engines.base import Model
from unicorn_assets.engines.openai import OpenAIEngine
from unicorn_assets.errors import EngineError
from unicorn_assets.settings import Endpoint
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.doubles import HashEncoder
from unicorn_assets_tests.engines.dummy_faults import Fault
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.served import engine, rows

KEY = "sk-MARKER-51f0c2d9a7"
FORMS = [
    KEY.encode(),
    KEY.encode("utf-16-le"),
    base64.b64encode(KEY.encode()).rstrip(b"="),
    KEY.encode().hex().encode(),
]


def test_a_run_from_seeds_to_release_leaves_no_trace_of_the_key(home, recipe, monkeypatch, caplog, capfd, soon):
    monkeypatch.setenv("MY_KEY", KEY)

    def opened(base_url):
        def make(chosen, settings, folder):
            endpoint = Endpoint(base_url=base_url, api_key_env="MY_KEY", attempts=2, patience_seconds=5.0)
            return OpenAIEngine(Model("openai", "dummy", ""), endpoint)

        return Tools(home, recipe, make_engine=make, make_encoder=lambda chosen: HashEncoder())

    with caplog.at_level(logging.DEBUG), DummyServer(key="another") as server:
        # The server that says what key it was given, as some do.
        status = command.run(home, recipe, tools=opened(server.base_url))
        assert status != 0
        out = capfd.readouterr()
        assert "refuses the key in MY_KEY" in out.out + out.err + caplog.text
        shown = out.out + out.err
        server.behaviour.key = KEY
        server.behaviour.faults = (
            Fault("says_its_key", share=0.2, times=None),
            Fault("400", share=0.2, times=None, message=f"no context for {KEY}"),
            Fault("500", share=0.2, message=f"I fell over {KEY}"),
            Fault("429", share=0.2, message=f"too much from {KEY}"),
            Fault("half", share=0.2),
        )
        assert command.run(home, recipe, tools=opened(server.base_url)) == 0
        out = capfd.readouterr()
        shown += out.out + out.err + caplog.text
        shown += "".join(str(record.__dict__) for record in caplog.records)
    written = [path for path in home.path.rglob("*") if path.is_file()]
    assert len(written) > 50
    plain = {str(path): path.read_bytes() + unpacked(path) for path in written}
    for form in FORMS:
        assert form not in shown.encode(errors="replace")
        assert [path for path, content in plain.items() if form in content] == []
    assert any(b"***" in content for path, content in plain.items() if "/answers/" in path), "the server did say it"
    assert any(b"***" in content for path, content in plain.items() if "/lake/" in path)
    assert b"***" in shown.encode(errors="replace")


def unpacked(path):
    """What stands compressed in a file."""
    if path.suffix == ".parquet":
        return str(pq.ParquetFile(path).read().to_pylist()).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as catalog:
            tables = [name for (name,) in catalog.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            assert tables
            return str([catalog.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables]).encode()
    return b""


def test_errors_of_every_kind_are_raised_without_it(server, monkeypatch, soon):
    monkeypatch.setenv("UNICORN_API_KEY", KEY)
    server.behaviour.models = (KEY, "other")
    for faults in ((Fault("401", times=None, message=KEY),), (Fault("400", times=None, message=KEY),), ()):
        server.behaviour.faults = faults
        opened = engine(server.base_url)
        with pytest.raises(EngineError) as error:
            list(opened.generate(rows(40)))
        told = "".join(traceback.format_exception(error.value)) + repr(error.value) + repr(error.value.__context__)
        assert KEY not in told
        assert "***" in told
        assert KEY not in repr(opened) + repr(vars(opened))
