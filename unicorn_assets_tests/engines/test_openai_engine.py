"""The engine against a server in good health: all answers, how many at once, how it adapts, and how it ends."""

import gc
import logging
import threading
import time
import warnings

import pytest

from unicorn_assets.engines.base import Model
from unicorn_assets.errors import EngineError
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.served import endless, engine, rows


def test_all_answers_with_their_figures(server):
    opened = engine(server.base_url)
    answers = [answer for _, answer in opened.generate(rows(200))]
    assert len(answers) == 200
    assert {answer.reported_model for answer in answers} == {"dummy-as-served"}
    assert {answer.prompt_tokens for answer in answers} == {100}
    assert set(server.counts.values()) == {1}
    stats = opened.stats
    assert (stats.requests, stats.retries, stats.answers, stats.refused) == (200, 0, 200, 0)
    assert stats.prompt_tokens == 20_000
    assert stats.completion_tokens == sum(answer.completion_tokens for answer in answers)
    assert stats.seconds_in_flight > 0


def test_the_source_is_read_in_the_callers_thread_as_the_store_needs_it(server):
    threads = set()

    def watched():
        for request in rows(50):
            threads.add(threading.current_thread())
            yield request

    assert len(list(engine(server.base_url).generate(watched()))) == 50
    assert threads == {threading.current_thread()}


def test_it_runs_in_any_thread(server):
    counts = []
    opened = engine(server.base_url)
    workers = [
        threading.Thread(target=lambda start=start: counts.append(len(list(opened.generate(rows(60, start=start))))))
        for start in (0, 1000, 2000)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert counts == [60, 60, 60]
    assert set(server.counts.values()) == {1}


def test_it_starts_gently_and_grows(server):
    server.behaviour.delay = 0.02
    opened = engine(server.base_url, max_in_flight=64)
    answers = opened.generate(endless())
    next(answers)
    assert server.application.peak <= 16
    for _ in range(600):
        next(answers)
    answers.close()
    assert 48 <= server.application.peak <= 64


def test_it_finds_out_how_much_a_server_takes(server):
    server.behaviour.delay, server.behaviour.parallel = 0.02, 8
    opened = engine(server.base_url, max_in_flight=256)
    assert len(list(opened.generate(rows(600)))) == 600
    assert server.application.peak <= 128, "queueing brings nothing"


def test_what_it_has_learned_lasts_for_the_next_shard(server):
    server.behaviour.delay = 0.02
    opened = engine(server.base_url, max_in_flight=64)
    list(opened.generate(rows(400)))
    server.application.peak = 0
    list(opened.generate(rows(64, start=1000)))
    assert server.application.peak > 16


def test_leaving_early_calls_off_what_is_in_flight_and_leaks_nothing(server):
    threads = threading.active_count()
    server.behaviour.delay = 0.05
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        answers = engine(server.base_url).generate(endless())
        next(answers)
        answers.close()
        del answers
        gc.collect()
        deadline = time.monotonic() + 5
        while server.application.now and time.monotonic() < deadline:
            time.sleep(0.01)
    assert server.application.now == 0
    assert [str(one.message) for one in heard] == []
    assert threading.active_count() == threads
    asked = sum(server.counts.values())
    time.sleep(0.1)
    assert sum(server.counts.values()) == asked


def test_closing_the_engine_ends_what_was_left_open(server):
    opened = engine(server.base_url)
    answers = opened.generate(endless())
    next(answers)
    opened.close()
    with pytest.raises(EngineError, match="closed while"):
        list(answers)


def test_a_model_without_a_name_is_the_servers_only_one(server):
    opened = engine(server.base_url, Model("openai", "", "r1"))
    assert opened.model == Model("openai", "dummy", "r1")
    assert len(list(opened.generate(rows(3)))) == 3
    assert {asked["model"] for asked in server.requests} == {"dummy"}


@pytest.mark.parametrize(("models", "told"), [(("a", "b"), "'a', 'b'"), ((), "none")])
def test_a_model_without_a_name_wants_a_server_with_one(server, models, told):
    server.behaviour.models = models
    with pytest.raises(EngineError, match=f"names no model.* has {told}"):
        list(engine(server.base_url, Model("openai", "", "")).generate(rows(3)))


def test_a_server_without_schemas_is_asked_without_and_the_log_says_so_once(server, caplog):
    server.behaviour.schemas = False
    opened = engine(server.base_url)
    with caplog.at_level(logging.WARNING):
        assert len(list(opened.generate(rows(40, "question_answering")))) == 40
        assert len(list(opened.generate(rows(40, "multiple_choice")))) == 40
    [message] = caplog.messages
    assert "goes on without JSON schemas" in message
    assert "response_format" not in server.requests[-1]
    assert opened.stats.refused == 0
    assert opened.stats.requests <= 80 + 16


def test_the_schema_goes_with_the_request(server):
    list(engine(server.base_url).generate(rows(1, "multiple_choice")))
    assert server.requests[0]["response_format"]["json_schema"]["schema"]["required"] == ["pairs"]


def test_a_server_that_wants_the_newer_name_for_the_room_gets_it(server):
    server.behaviour.room = "max_completion_tokens"
    assert len(list(engine(server.base_url).generate(rows(40)))) == 40
    assert server.requests[-1]["max_completion_tokens"] == 512


def test_an_answer_that_ran_out_of_room_is_asked_once_more_with_twice_as_much(server):
    server.behaviour.words_end = 600
    opened = engine(server.base_url)
    [(_, answer)] = opened.generate(rows(1))
    assert [asked["max_tokens"] for asked in server.requests] == [512, 1024]
    assert (answer.finish_reason, answer.prompt_tokens) == ("stop", 200)
    assert answer.completion_tokens == opened.stats.completion_tokens > 51
    server.behaviour.words_end = 10**6
    [(_, answer)] = opened.generate(rows(1, start=1))
    assert [asked["max_tokens"] for asked in server.requests[2:]] == [512, 1024]
    assert answer.finish_reason == "length"


def test_where_there_is_no_more_room_the_first_answer_stands(server):
    server.behaviour.words_end, server.behaviour.most_room = 10**6, 1000
    opened = engine(server.base_url)
    answers = [answer for _, answer in opened.generate(rows(5))]
    assert {answer.finish_reason for answer in answers} == {"length"}
    assert (opened.stats.refused, opened.stats.retries) == (0, 5)
    assert {answer.prompt_tokens for answer in answers} == {100}


def test_nothing_runs_while_nobody_waits():
    with DummyServer() as server:
        answers = engine(server.base_url).generate(endless())
        next(answers)
        threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio")]
        asked = sum(server.counts.values())
        time.sleep(0.1)
        assert sum(server.counts.values()) <= asked + 16
        assert threads == []
        answers.close()
