"""Every way in which a server can fail, done for real by the dummy server."""

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from unicorn_assets.engines.base import REFUSED, Model
from unicorn_assets.errors import EngineDownError, EngineError
from unicorn_assets.synthesis.answers import InvalidAnswer, parse_dialog, parse_expansion
from unicorn_assets_tests.engines.dummy_faults import Fault
from unicorn_assets_tests.engines.dummy_server import DummyServer
from unicorn_assets_tests.engines.served import endless, engine, rows

PASSING = ["408", "409", "425", "429", "500", "502", "503", "504", "529"]
BROKEN = ["reset", "half", "half_json", "not_utf8", "huge", "no_choices"]
VICTIM = "with 3 spots"


def undisturbed(count=60):
    with DummyServer() as calm:
        return {request.id: answer for request, answer in engine(calm.base_url).generate(rows(count))}


@pytest.mark.parametrize("kind", [*PASSING, *BROKEN])
def test_what_passes_costs_tries_and_no_row(server, soon, kind):
    server.behaviour.faults = (Fault(kind, share=0.2, times=2),)
    opened = engine(server.base_url)
    assert {request.id: answer for request, answer in opened.generate(rows(60))} == undisturbed()
    assert opened.stats.retries >= 10
    assert opened.stats.refused == 0
    assert max(server.counts.values()) == 3


def test_a_stall_ends_with_the_time_for_one_answer(server, soon):
    server.behaviour.faults = (Fault("stall", share=0.1, times=1),)
    start = time.monotonic()
    answers = {r.id: a for r, a in engine(server.base_url, timeout_seconds=0.3).generate(rows(60))}
    assert answers == undisturbed()
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("kind", ["500", "504", "reset", "half", "half_json", "not_utf8", "huge", "no_choices"])
def test_a_row_that_never_gets_an_answer_is_refused_after_its_tries_and_holds_up_nobody(server, soon, kind):
    server.behaviour.faults = (Fault(kind, times=None, containing=VICTIM),)
    opened = engine(server.base_url, attempts=3)
    answers = {request.id: answer for request, answer in opened.generate(rows(60))}
    [(victim, refused)] = [pair for pair in answers.items() if pair[1].finish_reason == REFUSED]
    assert victim == rows(4)[3].id
    assert refused.text.startswith("no usable answer in 3 tries; the last: ")
    assert max(count for row, count in server.counts.items() if row != "plain") == 3
    assert server.counts["plain"] == 1, "the server was asked whether it answers at all"
    assert {**undisturbed(), victim: refused} == answers
    with pytest.raises(InvalidAnswer) as invalid:
        parse_expansion(refused.text, refused.finish_reason)
    assert invalid.value.reason == "engine_refused"


def test_a_row_that_always_stalls_is_refused_even_if_it_is_the_only_one(server, soon):
    server.behaviour.faults = (Fault("stall", times=None, containing=VICTIM),)
    [(_, answer)] = engine(server.base_url, attempts=2, timeout_seconds=0.3).generate(rows(1, start=3))
    assert answer.finish_reason == REFUSED
    assert "no answer within 0.3 s" in answer.text


@pytest.mark.parametrize("status", ["400", "413", "422", "451"])
def test_a_row_that_the_server_refuses_is_asked_once(server, status):
    server.behaviour.faults = (Fault(status, times=None, containing=VICTIM, message="maximum context length is 9"),)
    answers = dict((r.id, a) for r, a in engine(server.base_url).generate(rows(60)))
    [refused] = [answer for answer in answers.values() if answer.finish_reason == REFUSED]
    assert refused.text == f"HTTP {status}: maximum context length is 9"
    assert set(server.counts.values()) == {1}
    assert len(answers) == 60


def test_the_only_row_may_be_refused_if_the_server_answers_a_plain_question(server):
    server.behaviour.faults = (Fault("400", times=None, containing=VICTIM),)
    [(_, answer)] = engine(server.base_url).generate(rows(1, start=3))
    assert answer.finish_reason == REFUSED
    assert server.counts["plain"] == 1


@pytest.mark.parametrize("count", [1, 5, 5000])
def test_a_server_that_refuses_everything_is_one_error_and_no_refused_row(server, count):
    server.behaviour.faults = (Fault("400", times=None, message="top_p is not supported"),)
    got = []
    with pytest.raises(EngineError, match=r"refuses every request.*top_p is not supported") as error:
        got.extend(engine(server.base_url).generate(rows(count)))
    assert got == []
    assert not error.value.retryable
    assert sum(server.counts.values()) < 100


def test_prompts_that_are_all_too_long_are_one_error_too(server):
    server.behaviour.faults = (Fault("400", times=None, containing="CAPTION", message="context length"),)
    with pytest.raises(EngineError, match=r"refuses every request.*context length"):
        list(engine(server.base_url).generate(rows(500)))


@pytest.mark.parametrize("kind", ["500", "half_json"])
def test_rows_that_all_fail_are_not_refused_but_an_error_that_may_be_retried(server, soon, kind):
    server.behaviour.faults = (Fault(kind, times=None, containing="CAPTION"),)
    got = []
    with pytest.raises(EngineDownError, match=r"and not one row \(no usable answer in 2 tries"):
        got.extend(engine(server.base_url, attempts=2).generate(rows(200)))
    assert got == []


def test_a_storm_of_429_halves_the_number_in_flight_and_costs_no_row(soon):
    with DummyServer(delay=0.005, most=6) as server:
        opened = engine(server.base_url, max_in_flight=256, attempts=2)
        assert len(list(opened.generate(rows(500)))) == 500
        assert opened.stats.refused == 0
        assert opened.stats.retries < 250
        assert server.application.peak <= 32


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", ["429", "503", "500"])
def test_retry_after_is_honoured(server, soon, form, status):
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.behaviour.faults = (Fault(status, headers={"Retry-After": "1" if form == "seconds" else at}),)
    start = time.monotonic()
    assert len(list(engine(server.base_url).generate(rows(3)))) == 3
    assert 0.9 <= time.monotonic() - start < 6
    assert set(server.counts.values()) == {2}


def test_a_server_that_wants_to_be_left_alone_for_longer_than_patience_frees_the_step_at_once(server):
    server.behaviour.faults = (Fault("429", headers={"Retry-After": "86400"}),)
    start = time.monotonic()
    with pytest.raises(EngineDownError, match="left alone for 86400 s"):
        list(engine(server.base_url).generate(rows(300)))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("kind", ["429", "503", "500", "reset"])
def test_a_server_that_gives_nothing_but_trouble_ends_in_an_error_that_may_be_retried(server, soon, kind):
    server.behaviour.faults = (Fault(kind, times=None),)
    got = []
    with pytest.raises(EngineDownError, match="has given no answer") as down:
        got.extend(engine(server.base_url, attempts=2, patience_seconds=0.5).generate(endless()))
    assert down.value.retryable
    assert got == [], "a server in trouble refuses no row"


@pytest.mark.parametrize(
    ("kind", "reason"), [("empty", "empty"), ("only_thinks", "empty"), ("wrong_schema", "wrong_schema")]
)
def test_an_answer_of_no_use_is_an_answer_and_the_parsers_business(server, kind, reason):
    server.behaviour.faults = (Fault(kind, times=None),)
    for request, answer in engine(server.base_url).generate(rows(5, "multiple_choice")):
        with pytest.raises(InvalidAnswer) as invalid:
            parse_dialog("multiple_choice", answer.text, request.id, answer.finish_reason)
        assert invalid.value.reason == reason
    assert set(server.counts.values()) == {1}


def test_a_model_that_is_not_there_is_one_error_with_those_that_are(server):
    server.behaviour.models = ("qwen", "llama")
    with pytest.raises(EngineError, match=r"has no model 'dummy'; it has 'llama', 'qwen'") as error:
        list(engine(server.base_url).generate(endless()))
    assert not error.value.retryable
    assert sum(server.counts.values()) <= 16


@pytest.mark.parametrize("path", ["", "/", "/v2", "/v1/chat/completions"])
def test_a_wrong_address_is_one_error_that_names_it(server, path):
    base = server.base_url.removesuffix("/v1") + path
    with pytest.raises(
        EngineError, match=r"no OpenAI-compatible server at http://127\.0\.0\.1:\d+[\s\S]*base-url"
    ) as error:
        list(engine(base).generate(endless()))
    assert not error.value.retryable


@pytest.mark.parametrize("host", ["a..b", "a" * 70 + ".com", "ä..b"])
def test_a_host_that_no_name_server_can_be_asked_for_is_a_wrong_address(host):
    with pytest.raises(EngineError, match=r"no OpenAI-compatible server[\s\S]*base-url"):
        list(engine(f"http://{host}:8000/v1").generate(rows(1)))


def test_a_web_page_instead_of_an_answer_is_a_wrong_address_at_first_and_a_bad_moment_later(server, soon):
    server.behaviour.faults = (Fault("html", containing=VICTIM),)
    with pytest.raises(EngineError, match="answers with a web page"):
        list(engine(server.base_url).generate(rows(1, start=3)))
    server.counts.clear()
    answers = engine(server.base_url).generate([*rows(1), *rows(200, start=10), *rows(1, start=3)])
    assert len(list(answers)) == 202


def test_https_to_a_server_without_it_is_one_error(server):
    with pytest.raises(EngineError, match=r"No safe connection.*") as error:
        list(engine(server.base_url.replace("http:", "https:")).generate(rows(5)))
    assert "http://" in str(error.value)


@pytest.mark.parametrize("status", ["401", "402", "403"])
def test_a_closed_door_is_one_error_not_ten_thousand(server, monkeypatch, status, caplog):
    monkeypatch.setenv("UNICORN_API_KEY", "sk-geheimnis-123")
    server.behaviour.faults = (Fault(status, times=None, message="no entry for sk-geheimnis-123"),)
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError) as error:
        list(engine(server.base_url).generate(rows(10_000)))
    assert f"refuses the key in UNICORN_API_KEY (HTTP {status}: no entry for ***)" in str(error.value)
    assert not error.value.retryable
    assert sum(server.counts.values()) <= 16
    assert "geheimnis" not in caplog.text


def test_a_server_that_wants_a_key_gets_it_or_an_error_says_which_variable_is_missing(monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with DummyServer(key="sk-geheimnis-123") as server:
        with pytest.raises(EngineError, match=r"wants a key, and there is none[\s\S]*variable MY_KEY"):
            list(engine(server.base_url, api_key_env="MY_KEY").generate(rows(5)))
        with pytest.raises(EngineError, match=r"wants a key[\s\S]*api_key_env"):
            list(engine(server.base_url, Model("openai", "", ""), api_key_env="").generate(rows(5)))
        monkeypatch.setenv("MY_KEY", "sk-geheimnis-123")
        assert len(list(engine(server.base_url, api_key_env="MY_KEY").generate(rows(5)))) == 5
