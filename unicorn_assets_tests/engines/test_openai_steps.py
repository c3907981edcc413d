"""A whole step on a served model: killed twenty times, on a full disk, and with rows that get no answer."""

import random
import time

import pytest

from unicorn_assets import recipe as recipes
from unicorn_assets.engines.base import Request
from unicorn_assets.engines.store import AnswerReader
from unicorn_assets.home import Home
from unicorn_assets.lake.shards import read_rows
from unicorn_assets.stages.captions import expansion_request
from unicorn_assets.stages.tools import Tools
from unicorn_assets_tests.engines.dummy_faults import Fault
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.served import MODEL, expand_and_tell, make_shard
from unicorn_assets_tests.engines.store_answers import PROCESSES

SHARD = "shard-0000"
SEEDS = 600
KILLS = 20


@pytest.fixture
def large(tmp_path):
    """A recipe of one shard with 600 seeds."""
    path = tmp_path / "seeds.txt"
    path.write_text("".join(f"A brown dog with {n} spots stands on a wide beach.\n" for n in range(SEEDS)))
    return recipes.adjusted(recipes.load("demo"), seeds=[path], shards=1)


def prepared(path, recipe, server):
    """A HOME whose seeds are there."""
    make_shard(path, recipe, server.base_url, ("seed_sources", "caption_seeds"), SHARD)
    return Home(path)


def asked_for(home, recipe) -> list[Request]:
    tools = Tools(home, recipe)
    return [
        expansion_request(row["id"], row["seed"], tools) for row in read_rows(home.lake.rows("caption_seeds", SHARD))
    ]


def stored(home, requests) -> set[str]:
    """Seeds of the requests whose answers the store holds, as the server counts rows."""
    reader = AnswerReader(home.answers("expanded_captions", SHARD))
    try:
        return {str(request.sampling.seed) for request in requests if request.key(MODEL) in reader}
    finally:
        reader.close()


def started(home, recipe, server, largest_file=0):
    """A child that makes `expanded_captions`, and where it tells what comes of it."""
    here, there = PROCESSES.Pipe(duplex=False)
    arguments = (home.path, recipe, server.base_url, largest_file, there)
    child = PROCESSES.Process(target=expand_and_tell, args=arguments)
    child.start()
    there.close()
    assert here.recv() == "start"
    return child, here


def shard_bytes(home):
    """The shard's rows and rejects, and the compacted answers."""
    files = [home.lake.rows("expanded_captions", SHARD), home.lake.set_aside("expanded_captions", SHARD)]
    files.append(home.answers("expanded_captions", SHARD).with_name(f"{SHARD}.parquet"))
    return [path.read_bytes() for path in files if path.exists()]


def test_twenty_kills_ask_for_no_stored_answer_again_and_change_no_byte(tmp_path, large):
    with DummyServer() as server:
        undisturbed = prepared(tmp_path / "undisturbed", large, server)
        make_shard(undisturbed.path, large, server.base_url, ("expanded_captions",), SHARD)
    draw, in_flight, held = random.Random(3), 8, set()
    with DummyServer(delay=0.02) as server:
        home = prepared(tmp_path / "home", large, server)
        requests = asked_for(home, large)
        assert len(requests) == SEEDS
        for kill in range(KILLS):
            known = {row: server.counts[row] for row in held}
            child, _ = started(home, large, server)
            # Some kills come before the first answer, most among the answers of this child.
            enough, deadline = sum(server.counts.values()) + draw.randrange(-1, 24), time.monotonic() + 30
            while sum(server.counts.values()) <= enough and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.03))
            child.kill()
            child.join()
            assert child.exitcode == -9, f"child {kill} was done before its kill"
            assert {row: server.counts[row] for row in known} == known, "a stored answer was asked for again"
            held |= stored(home, requests)
        assert KILLS <= len(held) < SEEDS
        known = {row: server.counts[row] for row in held}
        child, told = started(home, large, server)
        assert told.recv() == "made"
        child.join()
        assert {row: server.counts[row] for row in known} == known
        assert sum(server.counts.values()) <= SEEDS + KILLS * 2 * in_flight
    assert home.lake.need("expanded_captions", SHARD).metrics["answers_reused"] == len(held)
    assert shard_bytes(home) == shard_bytes(undisturbed)


def test_a_full_disk_keeps_what_was_answered_and_nothing_is_asked_twice_but_what_found_no_room(tmp_path, large):
    with DummyServer() as server:
        home = prepared(tmp_path / "home", large, server)
        child, told = started(home, large, server, largest_file=100_000)
        message = told.recv()
        child.join()
        assert f"{SHARD}.journal cannot be written" in message
        assert "To mend it" in message
        requests = asked_for(home, large)
        held = stored(home, requests)
        assert 50 < len(held) < SEEDS
        make_shard(home.path, large, server.base_url, ("expanded_captions",), SHARD)
        assert {server.counts[row] for row in held} == {1}
        again = sum(count > 1 for count in server.counts.values())
        assert again <= 2 * 8


def test_rows_without_an_answer_are_rejects_that_say_why_and_are_not_asked_for_again(tmp_path, large):
    with DummyServer() as server:
        server.behaviour.faults = (
            Fault("400", times=None, containing=" 17 spots", message="maximum context length is 9 tokens"),
            Fault("empty", times=None, containing=" 18 spots"),
        )
        home = prepared(tmp_path / "home", large, server)
        make_shard(home.path, large, server.base_url, ("expanded_captions",), SHARD)
        sidecar = home.lake.need("expanded_captions", SHARD)
        assert sidecar.rejected == {"empty": 1, "engine_refused": 1}
        assert sidecar.rows_out == SEEDS - 2
        aside = {row["reason"]: row for row in read_rows(home.lake.set_aside("expanded_captions", SHARD))}
        assert "maximum context length is 9 tokens" in str(aside["engine_refused"])
        asked = sum(server.counts.values())
        home.lake.rows("expanded_captions", SHARD).unlink()
        make_shard(home.path, large, server.base_url, ("expanded_captions",), SHARD)
        assert sum(server.counts.values()) == asked
