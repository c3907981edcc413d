"""The engine with its supervisor and real processes, on a fake server that can be made to die."""

import os
import signal
import threading
import time

import pytest

from unicorn_assets.engines.base import REFUSED
from unicorn_assets.engines.vllm import recovery
from unicorn_assets.errors import EngineDownError, EngineError
from unicorn_assets.processes import Process
from unicorn_assets_tests.engines.fake_vllm import POISON
from unicorn_assets_tests.engines.store_answers import PROCESSES
from unicorn_assets_tests.engines.vllm_servers import Fakes, ask_and_tell, asked, rows, until


@pytest.fixture
def fakes(tmp_path):
    one = Fakes(tmp_path)
    yield one
    one.end()


def answered(engine, requests):
    """Text and finish reason by id; each request once."""
    found = {}
    for request, answer in engine.generate(requests):
        assert request.id not in found
        found[request.id] = answer
    return found


def whole(found, requests):
    """Asserts that each request has its own answer."""
    assert {name: answer.text for name, answer in found.items()} == {r.id: f"answer to {r.id}" for r in requests}


def test_one_start_serves_engine_after_engine(fakes):
    for start in (0, 30, 60):
        engine = fakes.engine()
        found = answered(engine, rows(30, start))
        whole(found, rows(30, start))
        assert found[f"row {start}"].reported_model == "m"
        assert engine.stats.answers == 30
        assert engine.stats.completion_tokens == 30 * 7
        assert engine.log == fakes.group().log
        engine.close()
        engine.close()
    assert len(fakes.starts()) == 1
    assert len(fakes.asked()) == 90


def test_without_a_request_no_server_is_started(fakes):
    engine = fakes.engine()
    assert answered(engine, []) == {}
    assert engine.log is None
    engine.close()
    assert not fakes.home.exists()


def test_processes_share_a_server(fakes, tmp_path):
    fakes.tell("slow", "0.05")
    children = []
    for _ in range(2):
        here, there = PROCESSES.Pipe(duplex=False)
        child = PROCESSES.Process(target=ask_and_tell, args=(tmp_path, 40, there, {}))
        child.start()
        there.close()
        children.append((child, here))
    for child, here in children:
        assert sorted(iter(here.recv, None)) == sorted(f"answer to row {n}" for n in range(40))
        child.join()
    assert len(fakes.starts()) == 1


def test_the_command_line_and_the_environment(fakes, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "a marker that must not go further")
    monkeypatch.setenv("VLLM_API_KEY", "another one")
    engine = fakes.engine(
        "Qwen/Q", endpoint={"api_key_env": "SOME_KEY"}, devices=("2,3",), max_model_len=512, tensor_parallel_size=2
    )
    answered(engine, rows(1))
    engine.close()
    start = fakes.starts()[0]
    given = " ".join(start["arguments"])
    assert "-m vllm.entrypoints.openai.api_server --model Qwen/Q --served-model-name Qwen/Q unicorn-" in given
    assert "--host 127.0.0.1" in given
    assert "--tensor-parallel-size 2 --gpu-memory-utilization 0.8 --max-model-len 512" in given
    environment = start["environment"]
    assert environment["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert environment["VLLM_NO_USAGE_STATS"] == environment["DO_NOT_TRACK"] == "1"
    assert environment["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert not {"SOME_KEY", "VLLM_API_KEY"} & set(environment)
    for path in fakes.group().folder.rglob("*"):
        assert path.is_dir() or b"a marker that must not" not in path.read_bytes()


@pytest.mark.parametrize("victim", ["pid", "guard", "supervisor"])
def test_killed_in_the_middle_costs_no_answer(fakes, victim):
    fakes.tell("slow", "0.05")
    engine, found, requests = fakes.engine(), {}, rows(120)
    for number, (request, answer) in enumerate(engine.generate(requests), start=1):
        found[request.id] = answer
        if number == 40:
            fakes.tell("slow", "0.01")
            start, state = fakes.starts()[0], fakes.group().state()
            pids = {"pid": start["pid"]}
            pids |= {"guard": state.guard.number, "supervisor": state.supervisor.number}
            os.kill(pids[victim], signal.SIGKILL)
            until(lambda pid=start["core"]: pid not in fakes.processes())
    whole(found, requests)
    assert len(fakes.starts()) == 2
    assert {start["core"] for start in fakes.starts()[:1]}.isdisjoint(fakes.processes())
    engine.close()


def test_a_server_that_stands_still_is_started_anew(fakes):
    fakes.tell("slow", "0.05")
    engine, found, requests = fakes.engine(hang_seconds=1.5), {}, rows(60)
    for number, (request, answer) in enumerate(engine.generate(requests), start=1):
        found[request.id] = answer
        if number == 20:
            os.kill(fakes.starts()[0]["pid"], signal.SIGSTOP)
    whole(found, requests)
    assert len(fakes.starts()) == 2
    engine.close()


def test_a_core_that_hangs_behind_a_healthy_server_is_noticed(fakes):
    engine, found, requests = fakes.engine(hang_seconds=1.5), {}, rows(60)
    fakes.tell("slow", "0.02")
    for number, (request, answer) in enumerate(engine.generate(requests), start=1):
        found[request.id] = answer
        if number == 20:
            fakes.tell("stuck")
            threading.Thread(target=unstuck_by_the_second_start, args=(fakes,)).start()
    whole(found, requests)
    assert len(fakes.starts()) == 2
    engine.close()


def unstuck_by_the_second_start(fakes):
    until(lambda: len(fakes.starts()) == 2)
    (fakes.folder / "stuck").unlink()


def test_an_idle_server_with_a_lease_does_not_hang(fakes):
    engine = fakes.engine(hang_seconds=0.5)
    answered(engine, rows(1))
    time.sleep(2.0)
    whole(answered(engine, rows(3, 1)), rows(3, 1))
    engine.close()
    assert len(fakes.starts()) == 1


def test_a_row_that_kills_is_set_aside_and_its_neighbours_are_not(fakes):
    requests = [*rows(20), asked(f"row {POISON}"), *rows(20, 20)]
    fakes.tell("slow", "0.02")
    engine = fakes.engine(poison_after=3)
    found = answered(engine, requests)
    poison = found.pop(f"row {POISON}")
    assert poison.finish_reason == REFUSED
    assert "died 3 times with this row in flight" in poison.text
    whole(found, [*rows(40)])
    assert len(fakes.starts()) <= 4
    assert sum(line.endswith(POISON) for line in fakes.asked()) >= 3
    engine.close()


def test_another_ones_poison_is_not_blamed_on_my_rows(fakes, tmp_path):
    fakes.tell("slow", "0.05")
    here, there = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=ask_and_tell, args=(tmp_path, 150, there, {"poison_after": 2}))
    child.start()
    there.close()
    here.recv()
    engine = fakes.engine(poison_after=2)
    found = answered(engine, [*rows(5, 1000), asked(f"row {POISON}"), *rows(5, 2000)])
    assert [name for name, answer in found.items() if answer.finish_reason == REFUSED] == [f"row {POISON}"]
    texts = list(iter(here.recv, None))
    assert len(texts) == 149
    assert all(text.startswith("answer to row") for text in texts)
    child.join()
    engine.close()


def test_a_server_that_always_dies_ends_the_step_and_sets_nothing_aside(fakes, monkeypatch):
    monkeypatch.setattr(recovery, "DEATHS_IN_A_ROW", 3)
    engine, found = fakes.engine(poison_after=1), []
    with pytest.raises(EngineDownError, match="died 3 times in a row without an answer"):
        found.extend(engine.generate([asked(f"row {POISON} {number}") for number in range(3)]))
    assert found == []
    engine.close()


@pytest.mark.parametrize("always", [False, True])
def test_a_single_row_is_set_aside_only_by_a_server_that_answers_another(fakes, always):
    engine = fakes.engine(poison_after=1)
    if always:
        fakes.tell("fragile")
        with pytest.raises(EngineDownError, match="not a plain question either"):
            answered(engine, [asked(f"row {POISON}")])
    else:
        assert answered(engine, [asked(f"row {POISON}")])[f"row {POISON}"].finish_reason == REFUSED
    engine.close()


def test_an_idle_server_is_stopped_and_its_supervisor_ends(fakes):
    engine = fakes.engine(idle_seconds=0.5)
    answered(engine, rows(3))
    time.sleep(1.5)
    state = fakes.group().state()
    assert state.stands  # a lease keeps it
    engine.close()
    until(lambda: not state.supervisor.lives)
    assert fakes.processes() == []
    again = fakes.engine(idle_seconds=0.5)
    whole(answered(again, rows(3)), rows(3))
    again.close()
    assert len(fakes.starts()) == 2


def test_a_killed_step_frees_its_lease(fakes, tmp_path):
    fakes.tell("slow", "0.2")
    here, there = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=ask_and_tell, args=(tmp_path, 10_000, there, {"idle_seconds": 0.5}))
    child.start()
    there.close()
    here.recv()
    state = fakes.group().state()
    child.kill()
    child.join()
    until(lambda: not state.supervisor.lives)
    assert fakes.processes() == []
    assert list(fakes.group().leases.glob("*.json")) == []


def test_a_killed_supervisor_takes_the_server_down_though_nobody_comes(fakes):
    engine = fakes.engine()
    answered(engine, rows(1))
    engine.close()
    os.kill(fakes.group().state().supervisor.number, signal.SIGKILL)
    until(lambda: fakes.processes() == [])


def test_leftovers_of_an_earlier_server_are_cleared_and_nothing_else(fakes):
    engine = fakes.engine()
    answered(engine, rows(1))
    engine.close()
    state, start = fakes.group().state(), fakes.starts()[0]
    # All who would have cleaned up die at once; the core stays, as vLLM's does.
    for number in (state.supervisor.number, state.guard.number):
        os.kill(number, signal.SIGSTOP)
    for number in (state.guard.number, state.supervisor.number):
        os.kill(number, signal.SIGKILL)
    until(lambda: fakes.processes() == [start["core"]])
    other = Fakes(fakes.folder)
    neighbour = other.engine()
    answered(neighbour, rows(1))
    again = fakes.engine()
    whole(answered(again, rows(3)), rows(3))
    assert start["core"] not in fakes.processes()
    assert other.starts()[0]["core"] in other.processes()
    neighbour.close()
    again.close()
    other.end()


def test_another_model_waits_for_the_leases_to_end_then_takes_the_place(fakes, tmp_path):
    first = fakes.engine("one")
    answers = first.generate(rows(40))
    next(answers)
    found = {}
    second = fakes.engine("two")
    other = threading.Thread(target=lambda: found.update(answered(second, rows(5))))
    other.start()
    time.sleep(1.0)
    assert found == {}
    # Whoever comes later for the first model waits too, so that the second gets its turn.
    until(lambda: len(list(fakes.group().leases.glob("*.json"))) == 2)
    assert len(list(answers)) == 39
    first.close()
    other.join()
    whole(found, rows(5))
    assert {answer.reported_model for answer in found.values()} == {"two"}
    second.close()
    assert len(fakes.starts()) == 2


def test_groups_are_used_evenly(fakes):
    engines = [fakes.engine(devices=("0", "1")) for _ in range(2)]
    for engine in engines:
        whole(answered(engine, rows(5)), rows(5))
    assert sorted(start["environment"]["CUDA_VISIBLE_DEVICES"] for start in fakes.starts()) == ["0", "1"]
    assert engines[0].log != engines[1].log
    for engine in engines:
        engine.close()


def test_leaving_early_leaves_nothing_behind(fakes):
    fakes.tell("slow", "0.05")
    engine = fakes.engine()
    answers = engine.generate(rows(1000))
    next(answers)
    answers.close()
    whole(answered(engine, rows(3)), rows(3))
    engine.close()
    assert len(fakes.asked()) < 100
    assert list(fakes.group().leases.glob("*.json")) == []


@pytest.mark.parametrize(
    ("told", "what", "cure"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "memory is not enough", "memory_share"),
        ("ValueError: Free memory on device (3/80 GiB) is less than desired", "memory is not enough", "memory_share"),
        ("OSError: m is not a local folder and is not a valid model identifier", "model m is not found", "correct its"),
        ("api_server.py: error: unrecognized arguments: --frob", "does not take its arguments", "extra_arguments"),
        ("RuntimeError: something else\nmore\n", "ended with exit code 1", "see the whole log"),
    ],
)
def test_a_start_that_fails_says_why(fakes, told, what, cure):
    fakes.tell("fail-always", told)
    engine = fakes.engine()
    with pytest.raises(EngineError) as caught:
        answered(engine, rows(5))
    assert what in caught.value.what
    assert cure in caught.value.cure
    assert told.splitlines()[0] in caught.value.what
    assert str(fakes.group().log) in caught.value.what
    assert not caught.value.retryable
    assert len(fakes.starts()) == 1
    engine.close()
    # Once mended, the next one gets its server.
    (fakes.folder / "fail-always").unlink()
    again = fakes.engine()
    whole(answered(again, rows(5)), rows(5))
    again.close()


def test_a_taken_port_costs_another_try(fakes):
    fakes.tell("fail", "OSError: [Errno 98] Address already in use")
    engine = fakes.engine()
    whole(answered(engine, rows(5)), rows(5))
    engine.close()
    first, second = (start["arguments"][start["arguments"].index("--port") + 1] for start in fakes.starts())
    assert first != second


def test_never_healthy_is_an_error_after_the_set_time(fakes):
    fakes.tell("sick")
    engine = fakes.engine(start_seconds=1.5)
    with pytest.raises(EngineError, match=r"was not healthy within 2 s \(vllm.start_seconds"):
        answered(engine, rows(1))
    engine.close()
    until(lambda: fakes.processes() == [])


def test_without_vllm_the_error_names_the_python(fakes, tmp_path):
    bare = tmp_path / "bare"
    bare.write_text('#!/bin/sh\nexec python3 -S "$@"\n')
    bare.chmod(0o755)
    engine = fakes.engine(python=str(bare))
    with pytest.raises(EngineError, match=f"vllm is not installed in {bare}"):
        answered(engine, rows(1))
    engine.close()


def test_without_python_the_error_says_so(fakes, tmp_path):
    engine = fakes.engine(python=str(tmp_path / "nowhere"))
    with pytest.raises(EngineError, match="nowhere cannot be run"):
        answered(engine, rows(1))
    engine.close()


def test_a_reused_process_id_is_another_process():
    me = Process.of(os.getpid())
    assert me.lives
    assert not Process(me.number, me.started - 1, me.boot).lives
    assert not Process(me.number, me.started, "another boot").lives
    with pytest.raises(ProcessLookupError):
        Process.of(2**22 - 1)
