"""One look of the sender over several routes: none holds another up, and what cannot be sent waits."""

import logging
import time

import pytest

from unicorn_assets.alerts import delivery, outbox, overview
from unicorn_assets_tests.alerts.making import HOOK, WEBHOOK, alert, look, record, rows, settings, waiting
from unicorn_assets_tests.alerts.servers import HttpEndpoint, MailEndpoint

SLACK = {"name": "chat", "kind": "slack", "address_env": "TEST_CHAT"}
LOG = {"name": "log", "kind": "log"}


@pytest.fixture
def path(home):
    return home.state


def mail_route(post, **options):
    fields = {"name": "post", "kind": "email", "host": "127.0.0.1", "port": post.port, "security": "none"}
    return fields | {"sender": "unicorn@example.org", "to": ["ops@example.org"]} | options


def words(path):
    with outbox.opened(path) as connection:
        return [overview.words(standing) for standing in overview.standings(connection)]


def test_every_kind_of_route_gets_what_it_takes_in_one_group(path, monkeypatch, caplog):
    with HttpEndpoint() as hook, HttpEndpoint() as chat, MailEndpoint() as post:
        monkeypatch.setenv(HOOK, hook.url)
        monkeypatch.setenv("TEST_CHAT", chat.url)
        chosen = settings(WEBHOOK, SLACK | {"severities": ["ERROR"]}, mail_route(post, assets=["release"]), LOG)
        record(path, alert(1), alert(2, asset="release"), alert(3, severity="WARN"))
        with caplog.at_level(logging.INFO):
            sent = look(path, chosen)
        assert [(one.route, one.alerts, one.groups, one.problem) for one in sent] == [
            ("ops", 3, 2, ""),
            ("chat", 2, 1, ""),
            ("post", 1, 1, ""),
            ("log", 3, 2, ""),
        ]
        assert [request.json["severity"] for request in hook.requests] == ["ERROR", "WARN"]
        assert "2 checks failed" in chat.requests[0].json["text"]
        assert post.mails[0].ids == [alert(2).id]
    levels = [one.levelname for one in caplog.records if "no_drift" in one.message]
    assert levels == ["ERROR", "ERROR", "WARNING"]
    assert waiting(path) == 0
    assert words(path) == []


@pytest.mark.parametrize("how", ["hang", "dribble"])
def test_a_route_that_hangs_does_not_hold_the_others_up(path, monkeypatch, how):
    with HttpEndpoint(lambda request: how) as bad, HttpEndpoint() as good:
        monkeypatch.setenv(HOOK, bad.url)
        monkeypatch.setenv("TEST_CHAT", good.url)
        record(path, *(alert(number) for number in range(250)))
        start = time.monotonic()
        sent = look(path, settings(WEBHOOK, SLACK, timeout_seconds=0.5))
        assert time.monotonic() - start < 3
        assert len(good.requests) == 3
        assert len(bad.requests) == 1, "a dead endpoint costs one try a look"
        assert len({request.at for request in good.requests if request.at - start < 0.5}) == 3
    assert [one.problem for one in sent] == ["no answer within 0.5 s", ""]
    assert waiting(path) == 250
    assert words(path)[0].startswith("250 wait for route ops, next try ")
    assert words(path)[0].endswith("no answer within 0.5 s")


def test_alerts_of_a_route_whose_variable_is_not_set_wait_and_come_when_it_is(path, monkeypatch, caplog):
    monkeypatch.delenv(HOOK, raising=False)
    record(path, alert(1), alert(2))
    with caplog.at_level(logging.INFO):
        sent = look(path, settings(WEBHOOK, LOG))
    assert f"variable {HOOK} of the alert route ops is not set" in sent[0].problem
    assert sent[1].alerts == 2
    assert words(path) == [f"2 wait for route ops: {sent[0].problem}"]
    assert f"set {HOOK} where the daemon" in words(path)[0]
    record(path, alert(3))
    with HttpEndpoint() as hook:
        monkeypatch.setenv(HOOK, hook.url)
        look(path, settings(WEBHOOK, LOG))
        assert [request.ids for request in hook.requests] == [[alert(n).id for n in (1, 2, 3)]]
    assert words(path) == []


def test_a_route_that_is_not_set_up_is_shown_even_while_nothing_waits(path, monkeypatch):
    monkeypatch.delenv(HOOK, raising=False)
    look(path, settings(WEBHOOK))
    assert words(path)[0].startswith(f"route ops: The environment variable {HOOK}")


def test_what_is_refused_is_sent_again_with_the_same_key_and_members(path, monkeypatch):
    answers = iter([500, 500, 200, 200])
    with HttpEndpoint(lambda request: next(answers)) as hook:
        monkeypatch.setenv(HOOK, hook.url)
        chosen = settings(WEBHOOK, first_wait_seconds=0.02)
        record(path, alert(1))
        deadline = time.monotonic() + 10
        for number in range(2, 100):
            look(path, chosen)
            if len(hook.requests) == 2:
                record(path, alert(2))
            if hook.arrived()[alert(1).id] and hook.arrived()[alert(2).id]:
                break
            assert time.monotonic() < deadline, number
            time.sleep(0.02)
        first = [request for request in hook.requests if alert(1).id in request.ids]
    assert len({request.key for request in first}) == 1
    assert len({request.body for request in first}) == 1
    assert hook.arrived() == {alert(1).id: 1, alert(2).id: 1}


def test_what_is_refused_for_good_is_set_aside_shown_and_sent_on_request(path, monkeypatch):
    from unicorn_assets.alerts import groups

    with HttpEndpoint(lambda request: 500) as hook:
        monkeypatch.setenv(HOOK, hook.url)
        chosen = settings(WEBHOOK, first_wait_seconds=0.01, max_attempts=3)
        record(path, alert(1))
        deadline = time.monotonic() + 10
        while waiting(path):
            look(path, chosen)
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert len(hook.requests) == 3
        look(path, chosen)
        assert len(hook.requests) == 3
        assert words(path) == ["1 set aside on route ops after too many tries: it answers HTTP 500"]
        hook.answer = lambda request: 200
        with outbox.opened(path) as connection:
            assert groups.revive(connection, time.time()) == 1
        look(path, chosen)
        assert hook.arrived() == {alert(1).id: 1}
        assert len(hook.keys()) == 1


def test_a_look_ends_in_time_and_the_next_goes_on(path, monkeypatch):
    def slow(request):
        time.sleep(0.3)
        return 200

    with HttpEndpoint(slow) as hook:
        monkeypatch.setenv(HOOK, hook.url)
        record(path, *(alert(number) for number in range(1000)))
        start = time.monotonic()
        (sent,) = look(path, settings(WEBHOOK), seconds=0.5)
        assert time.monotonic() - start < 2
        assert 0 < sent.groups < 10
        look(path, settings(WEBHOOK))
        assert len(hook.arrived()) == 1000
        assert set(hook.arrived().values()) == {1}


def test_a_channel_that_breaks_is_told_by_the_kind_of_its_error_alone(path):
    class Broken:
        def __init__(self, *arguments):
            pass

        def send(self, group):
            raise KeyError("secret")

    record(path, alert(1))
    (sent,) = delivery.deliver(path, settings(LOG), logging.getLogger(), open_channel=Broken)
    assert sent.problem == "unexpected KeyError"
    assert waiting(path) == 1


def test_alerts_of_a_route_that_is_gone_wait_and_are_shown(path, monkeypatch):
    monkeypatch.delenv(HOOK, raising=False)
    record(path, alert(1))
    look(path, settings(WEBHOOK))
    look(path, settings(LOG))
    assert words(path) == ["1 waits for route ops: settings.toml has no such route; add it again to send them"]
    assert rows(path, "SELECT count(*) FROM alert_deliveries") == [(1,)]
