"""A server that is killed and comes back, or does not."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from unicorn_assets.engines.base import Model
from unicorn_assets.engines.openai import client
from unicorn_assets.errors import EngineDownError
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.served import endless, engine, rows


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_killed_and_back_on_the_same_port_costs_no_row(soon):
    server = DummyServer(delay=0.01).start()
    opened = engine(server.base_url, attempts=4)
    ids = set()
    try:
        for number, (request, _) in enumerate(opened.generate(rows(400)), start=1):
            ids.add(request.id)
            if number in (60, 200):
                server.stop()
                threading.Timer(0.3, server.start).start()
        assert len(ids) == 400
        assert opened.stats.refused == 0
    finally:
        server.stop()


def test_a_killed_process_of_a_server_is_waited_for(soon):
    def started(port):
        command = [sys.executable, "-m", "unicorn_assets_tests.engines.dummy_server", "--port", str(port)]
        process = subprocess.Popen(
            [*command, "--behaviour", '{"delay": 0.01}'], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        return process, int(process.stdout.readline())

    process, port = started(0)
    control = urllib.request.Request(
        f"http://127.0.0.1:{port}/control", b'{"faults": [{"kind": "503", "share": 0.2}]}', method="PUT"
    )
    with urllib.request.urlopen(control) as answer:
        assert json.load(answer)["faults"][0]["kind"] == "503"
    answers = engine(f"http://127.0.0.1:{port}/v1").generate(rows(200))
    got = [next(answers) for _ in range(50)]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts") as answer:
        assert len(json.load(answer)["counts"]) >= 50
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    threading.Timer(0.1, lambda: again.append(started(port)[0])).start()
    again = []
    try:
        got += answers
    finally:
        for process in again:
            process.kill()
            process.communicate()
    assert len({request.id for request, _ in got}) == 200


def test_a_server_that_stays_away_ends_the_step_for_now(soon, caplog):
    base = f"http://127.0.0.1:{free_port()}/v1"
    start = time.monotonic()
    with caplog.at_level(logging.WARNING), pytest.raises(EngineDownError) as down:
        list(engine(base, patience_seconds=1.5).generate(endless()))
    assert 1.4 <= time.monotonic() - start < 5
    assert f"The server at {base} has given no answer for" in str(down.value)
    assert "run again: finished answers are kept" in str(down.value)
    assert down.value.retryable
    [message] = caplog.messages
    assert message.startswith(f"The server at {base} gives no answer (Cannot connect to host 127.0.0.1")


def test_what_was_answered_before_the_server_went_is_kept(soon):
    server = DummyServer().start()
    answers = engine(server.base_url, patience_seconds=0.3).generate(endless())
    got = [next(answers) for _ in range(100)]
    server.stop()
    with pytest.raises(EngineDownError):
        got.extend(answers)
    assert len({request.id for request, _ in got}) == len(got) >= 100


def test_while_it_is_away_one_request_at_a_time_knocks(soon, monkeypatch):
    knocks = []
    known = client.Client._exchange

    async def counted(self, *arguments):
        knocks.append(time.monotonic())
        return await known(self, *arguments)

    monkeypatch.setattr(client.Client, "_exchange", counted)
    base = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(EngineDownError):
        list(engine(base, patience_seconds=2.0).generate(endless()))
    assert len(knocks) <= 16 + 25


def test_the_name_of_the_model_is_waited_for_too(soon):
    server = DummyServer(port=free_port())
    opened = engine(server.base_url, Model("openai", "", ""))
    threading.Timer(0.3, server.start).start()
    try:
        assert opened.model.name == "dummy"
    finally:
        server.stop()


class InterruptedStepError(BaseException):
    """As dagster interrupts a step."""


@pytest.mark.parametrize("where", ["in a callback", "in a task"])
def test_an_interrupt_in_the_midst_of_the_loop_is_not_lost(server, monkeypatch, where):
    def interrupt(*arguments):
        raise InterruptedStepError

    if where == "in a task":
        monkeypatch.setattr("unicorn_assets.engines.openai.asker.Asker.answer", interrupt)
    else:

        async def answer(self, request):
            asyncio.get_running_loop().call_soon(interrupt)
            await asyncio.sleep(30)

        monkeypatch.setattr("unicorn_assets.engines.openai.asker.Asker.answer", answer)
    with pytest.raises(InterruptedStepError):
        list(engine(server.base_url).generate(endless()))


def test_a_signal_ends_the_wait_and_leaves_nothing_in_flight(server):
    def interrupt(number, frame):
        raise InterruptedStepError

    server.behaviour.delay = 30.0
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(InterruptedStepError):
            list(engine(server.base_url).generate(endless()))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    deadline = time.monotonic() + 5
    while server.application.now and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.application.now == 0
