"""The pure parts: bytes into answers and faults, refusals into a dialect, address and key."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.engines.openai import wire
from unicorn_assets.engines.openai.access import Access
from unicorn_assets.engines.openai.faults import (
    DeniedError,
    MisdirectedError,
    OverloadedError,
    RefusedError,
    TransientError,
    fault,
    retry_after,
)
from unicorn_assets.errors import EngineError
from unicorn_assets.settings import Endpoint
from unicorn_assets_tests.engines.dummy_answers import completion
from unicorn_assets_tests.engines.served import rows

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        (OverloadedError, [429, 502, 503, 529]),
        (TransientError, [408, 409, 425, 500, 501, 504, 599, 204]),
        (DeniedError, [401, 402, 403]),
        (MisdirectedError, [301, 302, 307, 404, 405]),
        (RefusedError, [400, 413, 414, 415, 418, 422, 431, 451]),
    ],
)
def test_a_status_says_who_is_at_fault(kind, statuses):
    for status in statuses:
        found = fault(status, {}, b'{"error": {"message": "No  way.\\n"}}')
        assert type(found) is kind
        assert found.message == f"HTTP {status}: No way."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "HTTP 400"),
        (b"plain words", "HTTP 400: plain words"),
        (b'{"error": "just text"}', "HTTP 400: just text"),
        (b'{"message": "bare"}', "HTTP 400: bare"),
        (b'{"detail": [{"loc": ["body"], "msg": "x"}]}', 'HTTP 400: [{"loc": ["body"], "msg": "x"}]'),
        (b"<html><h1>Bad</h1></html>", "HTTP 400"),
        (b"\xff\xfe", "HTTP 400: \ufffd\ufffd"),
        (b"[" * 100_000, "HTTP 400: " + "[" * 500),
    ],
)
def test_the_servers_message_is_found_wherever_it_stands(body, message):
    assert fault(400, {}, body).message == message


def test_no_money_left_is_no_passing_overload():
    assert type(fault(429, {}, b'{"error": {"message": "m", "code": "insufficient_quota"}}')) is DeniedError


def test_retry_after_comes_in_seconds_and_as_a_date():
    assert retry_after("7", NOW) == 7
    assert retry_after(" 0.5 ", NOW) == 0.5
    assert retry_after(format_datetime(NOW + timedelta(seconds=90), usegmt=True), NOW) == 90
    assert retry_after(format_datetime(NOW - timedelta(seconds=90), usegmt=True), NOW) == 0
    assert fault(503, {"Retry-After": "Mon, 23 Nov 2026 12:00:05 GMT"}, b"", NOW).retry_after == 5
    for nonsense in ("", "soon", "-3", "1e400", "Mon, 99 Nov 2026 12:00:05 GMT"):
        assert retry_after(nonsense, NOW) is None


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_any_retry_after_is_seconds_or_nothing(value):
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.integers(201, 599))
def test_any_body_with_any_status_is_a_fault(body, status):
    assert fault(status, {}, body, NOW).message.startswith("HTTP ")


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["choices", "message", "content", "usage", "finish_reason", "prompt_tokens"]), inner
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_body_is_an_answer_or_a_transient_fault(body):
    try:
        answer = wire.decoded(body)
    except TransientError:
        return
    assert isinstance(answer.text, str)
    assert isinstance(answer.finish_reason, str)


def test_an_answer_is_its_content_alone():
    answer = wire.decoded(json.dumps(completion("m", "A dog.", reasoning="hm")).encode())
    assert (answer.text, answer.finish_reason, answer.reported_model) == ("A dog.", "stop", "m-as-served")
    assert (answer.prompt_tokens, answer.completion_tokens) == (100, 2)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": None}, {"prompt_tokens": -1}, {"prompt_tokens": "5"}, {"prompt_tokens": 2**80}],
)
def test_odd_usage_is_no_tokens(usage):
    assert wire.decoded(json.dumps(completion("m", "A dog.") | {"usage": usage}).encode()).prompt_tokens == 0


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_text_comes_through(text):
    assert wire.decoded(json.dumps(completion("m", text)).encode()).text == text


def test_a_request_says_all_that_decides_its_answer():
    [request] = rows(1, "multiple_choice")
    sent = json.loads(wire.encoded(request, "m", 77, wire.Dialect()))
    assert sent["model"] == "m"
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["messages"][1]["content"] == request.messages[1].content
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"]) == (0.7, 0.9, 77)
    assert sent["seed"] == request.sampling.seed < 2**63
    assert sent["response_format"]["json_schema"]["schema"] == request.schema
    [plain] = rows(1)
    assert "response_format" not in json.loads(wire.encoded(plain, "m", 77, wire.Dialect()))


def test_a_refusal_teaches_the_dialect_once():
    dialect, sent = wire.Dialect(), wire.Dialect()
    [request], [plain] = rows(1, "multiple_choice"), rows(1)
    refusal = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    assert dialect.adapt(sent, plain, refusal) is None
    assert dialect.adapt(sent, request, refusal)
    assert dialect.adapt(sent, request, refusal) == ""
    assert dialect.adapt(wire.Dialect(schemas=False), request, refusal) is None
    assert dialect.adapt(sent, plain, "'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
    too_long = "'max_tokens' or 'max_completion_tokens' is too large: 1536. The maximum context length is 2048 tokens."
    assert wire.Dialect().adapt(sent, plain, too_long) is None


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://anna:geheimnis@127.0.0.1:1/v1", "user name or a password"),
        ("https://127.0.0.1/v1?key=geheimnis", "part after its path"),
        ("127.0.0.1:8000/v1", "no http address"),
        ("ftp://host/v1", "no http address"),
        ("http://host:99999/v1", "not a URL"),
        ("", "no http address"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_its_secrets(url, told):
    with pytest.raises(EngineError, match=told) as wrong:
        Access(Endpoint(base_url=url))
    assert "base_url" in str(wrong.value)
    assert "geheimnis" not in str(wrong.value)


def test_the_key_comes_from_the_environment_and_stays_inside(monkeypatch):
    monkeypatch.setenv("MY_KEY", "  sk-geheimnis\n")
    access = Access(Endpoint(api_key_env="MY_KEY"))
    assert access.headers() == {"Authorization": "Bearer sk-geheimnis"}
    assert access.redact("wrong key sk-geheimnis!") == "wrong key ***!"
    assert "geheimnis" not in repr(access)
    monkeypatch.setenv("MY_KEY", "EMPTY")
    assert Access(Endpoint(api_key_env="MY_KEY")).redact("an EMPTY street") == "an EMPTY street"
    monkeypatch.delenv("MY_KEY")
    assert not Access(Endpoint(api_key_env="MY_KEY")).has_key
    assert Access(Endpoint(api_key_env="")).headers() == {}


@pytest.mark.parametrize("key", ["geheim nis", "geheim\nnis", "gehéimnis", "geheim\x7fnis"])
def test_a_key_that_fits_in_no_header_is_told_without_it(monkeypatch, key):
    monkeypatch.setenv("UNICORN_API_KEY", key)
    with pytest.raises(EngineError, match="UNICORN_API_KEY") as wrong:
        Access(Endpoint())
    assert key not in str(wrong.value)
