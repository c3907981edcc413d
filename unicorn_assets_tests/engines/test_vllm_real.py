"""The engine on a real vLLM with a tiny random model. UNICORN_VLLM_PYTHON names a Python that has vllm.

One server goes from test to test, since each start takes half a minute; the order of the tests matters little, as
whoever finds no server starts one.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from unicorn_assets.engines.base import REFUSED, Model
from unicorn_assets.engines.vllm import VllmEngine
from unicorn_assets.engines.vllm.group import Group
from unicorn_assets.engines.vllm.processes import marked
from unicorn_assets.errors import EngineError
from unicorn_assets.settings import Settings
from unicorn_assets_tests.engines.store_answers import PROCESSES
from unicorn_assets_tests.engines.tiny_model import make_model
from unicorn_assets_tests.engines.vllm_servers import asked, until

PYTHON = os.environ.get("UNICORN_VLLM_PYTHON", sys.executable)
_LOOKS = "import importlib.util as u, sys; sys.exit(u.find_spec('vllm') is None)"

pytestmark = [
    pytest.mark.skipif(
        subprocess.run([PYTHON, "-c", _LOOKS], check=False, capture_output=True).returncode != 0,
        reason=f"vllm is not installed in {PYTHON} (set UNICORN_VLLM_PYTHON to a Python that has it)",
    ),
    pytest.mark.timeout(600),
]


def opened(folder: Path, model: str = "tiny", hang_seconds: float = 60.0, **vllm: object) -> VllmEngine:
    table = {
        "python": PYTHON,
        "memory_share": 0.1,
        "max_model_len": 1024,
        "extra_arguments": ("--enforce-eager", "--max-num-seqs", "16"),
        "idle_seconds": 60.0,
        "start_seconds": 300.0,
    }
    settings = Settings.model_validate({"vllm": table | vllm})
    return VllmEngine(Model("vllm", str(folder / model), ""), settings, folder / "home", hang_seconds=hang_seconds)


def rows(count, start=0, max_tokens=24):
    """Two runs of a row: `finish_reason` is mostly `length`, and the answer then has twice the room."""
    return [asked(f"Tell me about dog number {number}.", max_tokens) for number in range(start, start + count)]


def ask_and_tell(folder, count, tell):
    engine = opened(folder)
    tell.send([(request.id, answer) for request, answer in engine.generate(rows(count))])
    engine.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    one = tmp_path_factory.mktemp("vllm")
    make_model(one / "tiny")
    os.environ["HF_HUB_OFFLINE"] = "1"
    yield one
    supervisor = Group(one / "home", 0).state().supervisor
    if supervisor is not None and supervisor.lives:
        os.kill(supervisor.number, signal.SIGTERM)
    until(lambda: not marked(Group(one / "home", 0).mark), 60)


@pytest.fixture
def group(folder):
    return Group(folder / "home", 0)


def complete(found, asked_):
    assert sorted(found) == sorted(request.id for request in asked_)
    for answer in found.values():
        assert answer.finish_reason in ("stop", "length")
        assert answer.completion_tokens > 0


def titles(group):
    """Process ids by what they are."""
    found = {}
    for number in marked(group.mark):
        title = Path(f"/proc/{number}/cmdline").read_bytes()
        for kind in (b"guard.py", b"api_server", b"EngineCore", b"Worker"):
            if kind in title and not (kind == b"api_server" and b"guard.py" in title):
                found[kind.decode()] = number
    return found


def test_two_processes_share_one_server_and_get_the_same_answers(folder, group):
    pipes = []
    for _ in range(2):
        here, there = PROCESSES.Pipe(duplex=False)
        child = PROCESSES.Process(target=ask_and_tell, args=(folder, 12, there))
        child.start()
        there.close()
        pipes.append((here, child))
    first, second = (dict(here.recv()) for here, _ in pipes)
    for _, child in pipes:
        child.join()
    complete(first, rows(12))
    complete(second, rows(12))
    assert {answer.reported_model for answer in first.values()} == {str(folder / "tiny")}
    assert group.state().generation == 1
    assert b"Usage stats" not in group.log.read_bytes()


def test_engine_after_engine_finds_the_server_standing(folder, group):
    before = None
    for start in range(0, 80, 10):
        engine = opened(folder)
        complete({r.id: a for r, a in engine.generate(rows(10, start, 8))}, rows(10, start))
        engine.close()
        before = before or group.state().generation
    assert group.state().generation == before


def test_a_schema_is_honoured_even_by_a_random_model(folder):
    # An object would do as well, but a random model may fill its room with blanks between the braces.
    engine = opened(folder)
    request = replace(asked("Which colour?"), schema={"enum": ["red", "blue"]})
    [(_, answer)] = engine.generate([request])
    assert json.loads(answer.text) in ("red", "blue")
    engine.close()


def test_a_prompt_that_is_too_long_is_that_rows_refusal(folder):
    engine = opened(folder)
    found = {r.id: a for r, a in engine.generate([*rows(3), asked("dog " * 3000)])}
    assert [answer.finish_reason for name, answer in found.items() if name.startswith("dog dog")] == [REFUSED]
    assert len(found) == 4
    engine.close()


@pytest.mark.parametrize("victim", ["api_server", "EngineCore", "supervisor"])
def test_killed_in_the_middle_costs_no_answer_and_leaves_no_orphan(folder, group, victim):
    engine, found, requests = opened(folder), {}, rows(60)
    old = {}
    for number, (request, answer) in enumerate(engine.generate(requests), start=1):
        assert request.id not in found
        found[request.id] = answer
        if number == 12:
            old = titles(group)
            assert {"guard.py", "api_server", "EngineCore"} <= set(old)
            os.kill(group.state().supervisor.number if victim == "supervisor" else old[victim], signal.SIGKILL)
    complete(found, requests)
    assert not set(old.values()) & set(marked(group.mark))
    engine.close()


def test_a_core_that_stands_still_is_noticed_and_replaced(folder, group):
    engine, found, requests = opened(folder, hang_seconds=10.0), {}, rows(60)
    for number, (request, answer) in enumerate(engine.generate(requests), start=1):
        found[request.id] = answer
        if number == 12:
            os.kill(titles(group)["EngineCore"], signal.SIGSTOP)
            generation = group.state().generation
    complete(found, requests)
    assert group.state().generation == generation + 1
    engine.close()


def test_a_model_that_does_not_exist_is_one_clear_error(folder, group):
    engine = opened(folder, "nowhere")
    with pytest.raises(EngineError, match=r"the model .*nowhere is not found") as caught:
        list(engine.generate(rows(3)))
    assert str(group.log) in caught.value.what
    engine.close()


def test_too_little_memory_is_one_clear_error(folder):
    engine = opened(folder, memory_share=0.001)
    with pytest.raises(EngineError, match=r"memory is not enough|no room for one prompt"):
        list(engine.generate(rows(3)))
    engine.close()


def test_idle_it_stops_with_all_its_processes(folder, group):
    shared = {path.name for path in Path("/dev/shm").iterdir()}
    engine = opened(folder, idle_seconds=1.0)
    list(engine.generate(rows(2)))
    state = group.state()
    engine.close()
    until(lambda: not state.supervisor.lives, 60)
    assert marked(group.mark) == []
    time.sleep(0.5)
    left = {path.name for path in Path("/dev/shm").iterdir()} - shared
    assert left == set()
