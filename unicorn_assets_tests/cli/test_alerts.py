"""What `unicorn status` and `unicorn alerts` say of alerts."""

from click.testing import CliRunner

from unicorn_assets.cli import alerts
from unicorn_assets.cli.main import main
from unicorn_assets_tests.alerts.making import HOOK, WEBHOOK, alert, look, record, settings
from unicorn_assets_tests.alerts.servers import HttpEndpoint


def unicorn(home, *arguments):
    done = CliRunner().invoke(main, [*arguments, "--home", str(home.path)])
    assert done.exit_code == 0, done.output
    return done.output


def test_where_all_is_well_nothing_is_said_and_no_file_is_made(home, recipe):
    home.prepare()
    home.adopt(recipe)
    assert alerts.lines(home) == []
    assert "Alerts" not in unicorn(home, "status")
    assert unicorn(home, "alerts", "--retry") == "Alerts: none waits, none was set aside.\n"
    assert not home.state.exists()


def test_what_waits_is_shown_with_the_reason_that_the_daemon_met(home, recipe, monkeypatch):
    home.prepare()
    home.adopt(recipe)
    record(home.state, alert(1))
    expected = "Alerts: 1 for the next look of the sensor `alerts`; it runs with `unicorn dev`"
    assert expected in unicorn(home, "status")
    monkeypatch.delenv(HOOK, raising=False)
    look(home.state, settings(WEBHOOK))
    monkeypatch.setenv(HOOK, "http://127.0.0.1:9/")  # in this shell, not in the daemon's
    assert f"Alerts: 1 waits for route ops: The environment variable {HOOK}" in unicorn(home, "status")


def test_what_was_set_aside_is_shown_and_sent_on_request(home, monkeypatch):
    with HttpEndpoint(lambda request: 500) as hook:
        monkeypatch.setenv(HOOK, hook.url)
        record(home.state, alert(1), alert(2))
        look(home.state, settings(WEBHOOK, max_attempts=1))
        line = "Alerts: 2 set aside on route ops after too many tries: it answers HTTP 500"
        assert line in unicorn(home, "alerts")
        assert "1 group is sent again" in unicorn(home, "alerts", "--retry")
        hook.answer = lambda request: 200
        look(home.state, settings(WEBHOOK))
        assert len(hook.arrived()) == 2
    assert unicorn(home, "alerts") == "Alerts: none waits, none was set aside.\n"
