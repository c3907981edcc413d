"""Addresses, tokens and passwords are in nothing that is written, said or shown: searched for byte by byte."""

import base64
import logging
import time

import dagster as dg

from unicorn_assets.cli import alerts as command
from unicorn_assets.defs import alerts, instance
from unicorn_assets.settings import update
from unicorn_assets_tests.alerts.making import HOOK, TOKEN, WEBHOOK, alert, record
from unicorn_assets_tests.alerts.servers import HttpEndpoint, MailEndpoint, free_port

MARK = "MARKER51f0c2d9a7"
FORMS = [MARK.encode(), MARK.encode("utf-16-le"), base64.b64encode(MARK.encode())[:20], MARK.encode().hex().encode()]


def test_no_address_and_no_secret_is_left_anywhere(home, monkeypatch, caplog, capfd):
    home.prepare()
    instance.prepare(home)
    echo = lambda request: (500, {"X-Echo": request.headers["Authorization"], "Retry-After": MARK})  # noqa: E731
    with HttpEndpoint(echo) as bad, HttpEndpoint() as good, MailEndpoint(lambda mail: f"451 {MARK}") as post:
        for name, value in {
            HOOK: f"{bad.url}/{MARK}",
            TOKEN: f"tok-{MARK}",
            "GOOD": f"{good.url}/{MARK}",
            "REDIRECT": f"http://user:{MARK}@127.0.0.1:{free_port()}/{MARK}",
            "UNKNOWN": f"https://{MARK}.invalid/{MARK}",
            "NONE": f"nothing {MARK}",
            "BROKEN_TOKEN": f"two\nlines {MARK}",
            "MAIL_USER": f"user-{MARK}",
            "MAIL_PASSWORD": f"pass-{MARK}",
        }.items():
            monkeypatch.setenv(name, value)
        mail = {"kind": "email", "host": "127.0.0.1", "port": post.port, "security": "none"}
        mail |= {"sender": "unicorn@example.org", "to": ["ops@example.org"]}
        routes = [
            WEBHOOK | {"token_env": TOKEN},
            {"name": "good", "kind": "slack", "address_env": "GOOD", "token_env": TOKEN},
            {"name": "refused", "kind": "webhook", "address_env": "REDIRECT"},
            {"name": "unknown", "kind": "webhook", "address_env": "UNKNOWN"},
            {"name": "none", "kind": "webhook", "address_env": "NONE"},
            {"name": "broken", "kind": "webhook", "address_env": "GOOD", "token_env": "BROKEN_TOKEN"},
            mail | {"name": "mail"},
            mail | {"name": "login", "user_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"},
            {"name": "log", "kind": "log"},
        ]
        update(home.path, "alerts", routes=routes, timeout_seconds=3.0, first_wait_seconds=0.01)
        record(home.state, alert(1))
        shown = ""
        with caplog.at_level(logging.DEBUG), dg.DagsterInstance.from_config(str(home.dagster)) as opened:
            for _ in range(2):
                shown += alerts.look(dg.build_sensor_context(opened), home)
                time.sleep(0.05)
            command.alerts(home, retry=False)
            # The mail server of the test logs in this process what it says itself.
            logged = [one.__dict__ | {"said": one.getMessage()} for one in caplog.records if one.name != "mail.log"]
            shown += str(logged)
        out = capfd.readouterr()
        shown += out.out + out.err
        assert good.requests[0].headers["Authorization"] == f"Bearer tok-{MARK}"
        assert len(bad.requests) >= 1
        assert len(post.mails) >= 1
    for name in ("ops", "refused", "unknown", "none", "broken", "mail", "login"):
        assert f"for route {name}" in shown
    written = {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    assert any(path.name.startswith("state.sqlite") for path in written)
    for form in FORMS:
        assert form not in shown.encode()
        assert [path for path, content in written.items() if form in content] == []
