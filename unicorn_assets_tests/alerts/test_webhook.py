"""Webhooks against a real server that answers well and badly."""

import time

import pytest

from unicorn_assets.alerts.channels.webhook import Webhook, judged
from unicorn_assets.alerts.groups import Group
from unicorn_assets.alerts.routes import Access
from unicorn_assets.settings import Route
from unicorn_assets_tests.alerts.making import HOOK, alert, settings
from unicorn_assets_tests.alerts.servers import HttpEndpoint, free_port

WEB = "http://127.0.0.1:3000"


def group(*alerts):
    return Group("key-1", "ops", "ERROR", 1_790_000_000.0, 1, frozenset(), alerts or (alert(1),))


def channel(url, kind="webhook", token="", **options):
    route = Route(name="ops", kind=kind, address_env=HOOK)
    return Webhook(route, Access(address=url, token=token), settings(**options))


def test_json_with_its_key_and_its_token():
    with HttpEndpoint() as endpoint:
        assert channel(endpoint.url, token="tok-1").send(group(alert(1, what="Größe 图像"))).problem == ""
        (request,) = endpoint.requests
    assert request.key == "key-1"
    assert request.headers["Authorization"] == "Bearer tok-1"
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.json["alerts"][0]["what"] == "Größe 图像"
    assert "Größe 图像".encode() in request.body


def test_slack_gets_a_text_alone():
    with HttpEndpoint(lambda request: 204) as endpoint:
        assert channel(endpoint.url, "slack").send(group(alert(1, what="<!channel> R&D"))).problem == ""
        (request,) = endpoint.requests
    assert list(request.json) == ["text"]
    assert "http://127.0.0.1:3000/runs/run-1" in request.json["text"]
    assert "&lt;!channel&gt; R&amp;D" in request.json["text"]
    assert request.key == "key-1"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "problem", "down"),
    [
        (500, "it answers HTTP 500", False),
        (400, "it answers HTTP 400", False),
        (401, "it answers HTTP 401", False),
        (503, "it answers HTTP 503", True),
        (429, "it answers HTTP 429", True),
        ("drop", "no usable answer (ServerDisconnectedError)", True),
    ],
)
def test_refusals_are_told_apart(status, problem, down):
    with HttpEndpoint(lambda request: status) as endpoint:
        outcome = channel(endpoint.url).send(group())
    assert (outcome.problem, outcome.down) == (problem, down)


def test_a_redirect_is_not_followed():
    with HttpEndpoint() as other, HttpEndpoint(lambda request: (302, {"Location": other.url})) as endpoint:
        outcome = channel(endpoint.url, token="tok-1").send(group())
        assert outcome.problem == "it answers with a redirect (HTTP 302), which is not followed"
        assert other.requests == []


@pytest.mark.parametrize("how", ["hang", "dribble"])
def test_an_endpoint_that_hangs_or_dribbles_is_left_in_time(how):
    with HttpEndpoint(lambda request: how) as endpoint:
        start = time.monotonic()
        outcome = channel(endpoint.url, timeout_seconds=0.6).send(group())
        assert 0.5 < time.monotonic() - start < 2.5
    assert (outcome.problem, outcome.down) == ("no answer within 0.6 s", True)


def test_a_refused_connection_is_named_without_its_address():
    port = free_port()
    outcome = channel(f"http://127.0.0.1:{port}/secret").send(group())
    assert (outcome.problem, outcome.down) == ("no connection (Connection refused)", True)


def test_a_server_without_tls_is_named_without_its_address():
    with HttpEndpoint() as endpoint:
        outcome = channel(endpoint.url.replace("http:", "https:")).send(group())
    assert outcome.problem.startswith("no secure connection (")
    assert "127.0.0.1" not in outcome.problem


def test_an_unknown_host_is_named_without_its_address():
    outcome = channel("http://no-such-host.invalid/secret", timeout_seconds=5.0).send(group())
    assert outcome.down
    assert "invalid" not in outcome.problem


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-1", 0.0),
        ("9" * 400, 999999999.0),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        (f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 2026 00:00:00 +999999999999999", 0.0),
    ],
)
def test_retry_after_is_read(said, seconds):
    assert judged(429, said).wait == seconds
