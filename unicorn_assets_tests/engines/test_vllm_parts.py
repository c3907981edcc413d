"""The small parts of the `vllm` engine, each by itself."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.engines.base import Model
from unicorn_assets.engines.vllm import guard, health, leases, tenant
from unicorn_assets.engines.vllm.causes import explained
from unicorn_assets.engines.vllm.group import Group, State
from unicorn_assets.engines.vllm.plan import Plan
from unicorn_assets.engines.vllm.processes import MARK, clear, marked
from unicorn_assets.engines.vllm.server import reserved_port
from unicorn_assets.engines.vllm.suspects import Asked, Suspects
from unicorn_assets.engines.vllm.tenant import Tenant
from unicorn_assets.engines.vllm.turns import Turns
from unicorn_assets.errors import EngineError, LakeError
from unicorn_assets.processes import Process
from unicorn_assets.settings import Settings
from unicorn_assets_tests.engines.store_answers import PROCESSES
from unicorn_assets_tests.engines.vllm_servers import rows, until


def plan(model="m", group=0, **vllm):
    return Plan.of(Model("vllm", model, "r1"), Settings.model_validate({"vllm": vllm}), group)


# The plan.


def test_a_plan_comes_back_as_it_was_written():
    one = plan(extra_arguments=("--enforce-eager",), max_model_len=100)
    assert Plan.read(one.written()) == one


def test_times_make_no_other_server_and_all_else_does():
    assert plan().identity == plan(idle_seconds=1.0, start_seconds=5.0).identity
    others = [
        plan("other"),
        plan(dtype="float16"),
        plan(max_model_len=5),
        plan(memory_share=0.5),
        plan(devices=("3",)),
        plan(python="/other/python"),
        plan(tensor_parallel_size=2),
        plan(extra_arguments=("--x",)),
    ]
    assert len({one.identity for one in [plan(), *others]}) == 9


def test_a_folder_is_served_by_its_whole_path_and_named_as_configured(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    command = plan("model").command(5, "alias")
    assert command[command.index("--model") + 1] == str(tmp_path / "model")
    start = command.index("--served-model-name")
    assert command[start + 1 : start + 3] == ["model", "alias"]


@pytest.mark.parametrize("argument", ["--port=7", "--port", "--host", "--api-key", "--served_model_name", "--model=x"])
def test_what_is_not_theirs_to_set_is_refused(argument):
    with pytest.raises(EngineError, match=r"extra_arguments in settings\.toml holds --"):
        plan(extra_arguments=("--enforce-eager", argument))


def test_no_model_is_an_error():
    with pytest.raises(EngineError, match="names no model"):
        plan("")


# Suspects.


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(1, 120), allowed=st.integers(1, 5), kill=st.sets(st.integers(0, 119), max_size=3), data=st.data()
)
def test_those_who_kill_are_found_with_the_deaths_allowed_and_nobody_else(count, allowed, kill, data):
    everyone = rows(count)
    killers = {everyone[number].id for number in kill if number < count}
    suspects, answered, aside, deaths = Suspects(allowed), [], [], 0
    assert suspects.died(map(Asked, everyone), alone=False) == []
    while suspects:
        group = suspects.next_group()
        unasked = data.draw(st.integers(0, len(group) - 1))
        group, rest = group[: len(group) - unasked], group[len(group) - unasked :]
        if any(one.request.id in killers for one in group):
            deaths += 1
            aside += suspects.died(group, alone=True)
        else:
            answered += [one.request.id for one in group]
        suspects.back(rest)
    assert sorted(answered + [one.request.id for one in aside]) == sorted(one.id for one in everyone)
    assert {one.request.id for one in aside} == killers
    assert all(one.deaths >= allowed for one in aside)
    assert deaths <= len(killers) * max(1, allowed - 1)


def test_a_row_is_alone_at_its_last_death_and_the_groups_before_are_even():
    suspects = Suspects(3)
    suspects.died(map(Asked, rows(256)), alone=False)
    group = suspects.next_group()
    assert len(group) == math.isqrt(256)
    suspects.died(group, alone=True)
    assert len(suspects.next_group()) == 1


def test_without_the_certainty_to_be_alone_nobody_is_set_aside():
    suspects = Suspects(1)
    assert suspects.died([Asked(rows(1)[0], 5)], alone=False) == []
    assert len(suspects) == 1


# Leases.


@pytest.fixture
def group(tmp_path):
    return Group(tmp_path, 0)


def test_leases_stand_in_the_order_of_arrival_until_they_are_released(group):
    held = [leases.take([(group, plan())]) for _ in range(3)]
    assert [wish.ticket for wish in leases.held_leases(group)] == [1, 2, 3]
    held[1].release()
    held[1].release()
    assert [wish.ticket for wish in leases.held_leases(group)] == [1, 3]
    for one in held:
        one.release()
    assert leases.held_leases(group) == []
    last = leases.take([(group, plan())])
    assert last.wish.ticket == 4
    last.release()


def test_what_a_kill_leaves_of_a_lease_is_no_hindrance(group):
    leases.take([(group, plan())]).release()
    (group.leases / "last").write_text("")
    (group.leases / "000000000007.new").write_text("")
    group.publish(State(failed_ticket=4))
    taken = leases.take([(group, plan())])
    assert taken.wish.ticket == 5
    assert sorted(path.name for path in group.leases.iterdir()) == ["000000000005.json", "last"]
    taken.release()


def test_the_count_of_leases_is_written_whole_or_not_at_all(group, monkeypatch):
    """A kill while it is written must not stop every later lease."""
    leases.take([(group, plan())]).release()
    monkeypatch.setattr(Path, "replace", Mock(side_effect=OSError(28, "full")))
    with pytest.raises(LakeError):
        leases.take([(group, plan())])
    assert (group.leases / "last").read_text() == "1"


def hold(folder, tell):
    lease = leases.take([(Group(folder, 0), plan())])
    tell.send(lease.wish.ticket)
    time.sleep(60)


def test_a_lease_ends_with_its_process(group, tmp_path):
    here, there = PROCESSES.Pipe(duplex=False)
    child = PROCESSES.Process(target=hold, args=(tmp_path, there))
    child.start()
    assert here.recv() == 1
    assert len(leases.held_leases(group)) == 1
    child.kill()
    child.join()
    assert leases.held_leases(group) == []
    assert list(group.leases.glob("*.json")) == []


def test_the_group_without_another_plan_and_with_fewest_leases_is_taken(tmp_path):
    def taken(model="m"):
        return leases.take([(Group(tmp_path, n), plan(model, n, devices=("0", "1", "2"))) for n in range(3)])

    held = [taken(), taken(), taken("other"), taken(), taken()]
    assert [one.group.number for one in held] == [0, 1, 2, 0, 1]
    held[1].release()
    held[4].release()
    held.append(taken("other"))
    assert held[-1].group.number == 1  # nobody is there, so another model disturbs nobody
    for one in held:
        one.release()


def test_nobody_overtakes_a_lease_that_waits_for_another_server():
    wishes = [leases.Wish(1, plan()), leases.Wish(2, plan("other")), leases.Wish(3, plan())]
    assert [leases.has_turn(wish, wishes) for wish in wishes] == [True, False, False]
    assert [leases.has_turn(wish, wishes[1:]) for wish in wishes[1:]] == [True, False]


def test_a_supervisor_that_does_not_stay_up_is_one_error(group, monkeypatch):
    monkeypatch.setattr(tenant, "SPAWNS", 2)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    one = Tenant([(group, plan())])
    with pytest.raises(EngineError, match="does not stay up") as caught:
        one.served()
    assert str(group.supervisor_log) in caught.value.what
    one.release()


# Turns.


def test_alone_waits_for_those_inside_and_keeps_others_out(tmp_path):
    turns, order = Turns(tmp_path), []

    def alone():
        with turns.alone(10) as certain:
            order.append(certain)
            time.sleep(0.2)
            order.append("done alone")

    def later():
        with turns.together():
            order.append("later")

    with turns.together(), turns.together():
        assert not turns.wanted()
        first = threading.Thread(target=alone)
        first.start()
        until(turns.wanted)
        second = threading.Thread(target=later)
        second.start()
        time.sleep(0.2)
        assert order == []
    first.join()
    second.join()
    assert order == [True, "done alone", "later"]


def test_alone_is_not_certain_where_somebody_does_not_leave(tmp_path):
    turns = Turns(tmp_path)
    with turns.together(), turns.alone(0.1) as certain:
        assert not certain


# The guard.


def guarded(tmp_path, script, parent=None):
    return subprocess.Popen(
        [sys.executable, "-I", guard.__file__, str(parent or os.getpid()), sys.executable, "-c", script],
        env=os.environ | {MARK: str(tmp_path)},
        start_new_session=True,
    )


FAMILY = """
import subprocess, sys, time
child = "import os, signal, subprocess, time; os.setsid(); signal.signal(15, signal.SIG_IGN); "
child += "subprocess.Popen(['sleep', '300']); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", child])
time.sleep({seconds}); sys.exit({code})
"""


@pytest.mark.parametrize(
    ("code", "expected"), [(0, 0), (3, 3), ("__import__('os').kill(__import__('os').getpid(), 9)", 137)]
)
def test_the_guard_ends_as_its_command_and_takes_all_descendants_along(tmp_path, code, expected):
    one = guarded(tmp_path, FAMILY.format(seconds=0.3, code=code))
    assert one.wait(20) == expected
    assert marked(str(tmp_path)) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_guard_that_is_told_to_end_ends_all(tmp_path, number):
    one = guarded(tmp_path, FAMILY.format(seconds=300, code=0))
    until(lambda: len(marked(str(tmp_path))) == 4)
    one.send_signal(number)
    one.wait(20)
    assert marked(str(tmp_path)) == []


def test_a_guard_whose_parent_is_gone_starts_nothing(tmp_path):
    assert guarded(tmp_path, "open('made', 'w')", parent=1).wait(20) == guard.NOT_STARTED
    assert not (tmp_path / "made").exists()


def test_only_marked_processes_are_cleared(tmp_path):
    mine, other = (
        subprocess.Popen(["sleep", "300"], env={MARK: str(tmp_path / name)}, start_new_session=True)
        for name in ("mine", "mine-too")
    )
    until(lambda: marked(str(tmp_path / "mine")) and marked(str(tmp_path / "mine-too")))
    assert clear(str(tmp_path / "mine")) == [mine.pid]
    assert mine.wait() == -signal.SIGKILL
    assert other.poll() is None
    other.kill()
    other.wait()


# Ports, probes, causes, state.


def test_a_reserved_port_is_given_to_nobody_else():
    with reserved_port() as keeper:
        port = keeper.getsockname()[1]
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port))
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            with socket.create_connection(("127.0.0.1", port)):
                pass


def test_reserved_ports_differ_from_each_other_and_from_those_in_use():
    keepers = [reserved_port() for _ in range(200)]
    assert len({keeper.getsockname()[1] for keeper in keepers}) == 200
    for keeper in keepers:
        keeper.close()


def test_tokens_are_summed_over_engines():
    metrics = (
        "# TYPE vllm:prompt_tokens_total counter\n"
        'vllm:prompt_tokens_total{engine="0",model_name="a b"} 100.0\n'
        'vllm:prompt_tokens_total{engine="1",model_name="a b"} 1.5e+03\n'
        'vllm:prompt_tokens_created{engine="0"} 7\n'
        "vllm:generation_tokens_total 3\n"
    )
    assert health.tokens(metrics) == 1603
    assert health.tokens("") == 0


def test_nobody_at_the_port_is_not_ready_and_writes_nothing():
    with reserved_port() as keeper:
        port = keeper.getsockname()[1]
        assert not health.is_ready(port, "m")
        assert not health.writes(port, "m", 1.0)


def test_the_first_error_is_shown_before_the_last_lines(tmp_path):
    log = tmp_path / "server.log"
    log.write_text("old TypeError\n")
    offset = log.stat().st_size
    lines = ["INFO fine", "ValueError: the root of it", *(f"  trace {n}" for n in range(50)), "RuntimeError: see above"]
    log.write_text(log.read_text() + "\n".join(lines) + "\n")
    cause, told = explained(log, offset, "ended with exit code 1", python="py", model="m")
    assert cause.what == "it ended with exit code 1"
    assert told.splitlines()[0] == "  | ValueError: the root of it"
    assert told.splitlines()[-1] == "  | RuntimeError: see above"
    assert "old" not in told


def test_a_missing_or_empty_log_is_no_further_trouble(tmp_path):
    cause, told = explained(tmp_path / "none", 0, "ended with exit code 1", python="py", model="m")
    assert (cause.what, told) == ("it ended with exit code 1", "")


def test_the_state_comes_back_as_it_was_published(group):
    assert group.state() == State()
    me = Process.of(os.getpid())
    state = State("ready", 3, "id", "name", 5, me, me, 2, "what", "cure", True)
    group.publish(state)
    assert group.state() == state
    assert state.stands
    (group.folder / "server.json").write_text(json.dumps({})[:1])
    assert group.state() == State()
