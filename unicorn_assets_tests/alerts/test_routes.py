import pytest

from unicorn_assets import settings as all_settings
from unicorn_assets.alerts.routes import access, takes
from unicorn_assets.errors import RecipeError
from unicorn_assets.settings import Alerts, Route
from unicorn_assets_tests.alerts.making import HOOK, TOKEN, WEBHOOK, alert

EMAIL = {
    "name": "post",
    "kind": "email",
    "host": "mail.example.org",
    "sender": "a@example.org",
    "to": ["b@example.org"],
}


@pytest.mark.parametrize(
    ("route", "given", "expected"),
    [
        ({}, {}, True),
        ({}, {"severity": "WARN"}, True),
        ({"severities": ["ERROR"]}, {"severity": "WARN"}, False),
        ({"severities": ["WARN"]}, {"severity": "WARN"}, True),
        ({"assets": ["*_captions"]}, {}, True),
        ({"assets": ["release", "text_*"]}, {}, False),
        ({"assets": ["Expanded_captions"]}, {}, False),
        ({"assets": ["release"]}, {"asset": ""}, True),
    ],
)
def test_severity_and_asset_decide(route, given, expected):
    assert takes(Route(name="a", kind="log", **route), alert(**given)) == expected


def test_without_settings_there_is_the_log_alone(home):
    (route,) = all_settings.load(home.path).alerts.routes
    assert (route.name, route.kind, route.severities, route.assets) == ("log", "log", ("ERROR", "WARN"), ("*",))


def test_routes_are_read_from_the_file_and_written_as_they_were(home):
    home.prepare()
    table = WEBHOOK | {"severities": ["ERROR"], "assets": ["release"]}
    all_settings.update(home.path, "alerts", routes=[table, EMAIL])
    read = all_settings.load(home.path)
    assert [route.name for route in read.alerts.routes] == ["ops", "post"]
    assert all_settings.update(home.path, "prices", device_hour=2.0).alerts == read.alerts


@pytest.mark.parametrize(
    ("routes", "why"),
    [
        ([{"name": "a", "kind": "webhook"}], "address_env is missing"),
        ([{"name": "a", "kind": "slack"}], "address_env is missing"),
        ([{"name": "a", "kind": "pager"}], "'webhook', 'slack', 'email' or 'log'"),
        ([{"name": "a", "kind": "email"}], "needs host and sender and to"),
        ([EMAIL | {"user_env": "U"}], "user_env and password_env go together"),
        ([EMAIL | {"to": ["b@example.org\r\nBcc: c@example.org"]}], "is no e-mail address"),
        ([EMAIL | {"sender": "nobody"}], "is no e-mail address"),
        ([EMAIL, EMAIL], "two routes are called 'post'"),
        ([{"name": "a", "kind": "log", "severities": []}], "at least 1 item"),
        ([{"name": "a", "kind": "log", "severities": ["INFO"]}], "'ERROR' or 'WARN'"),
        ([{"name": "a/b", "kind": "log"}], "pattern"),
        ([WEBHOOK | {"url": "http://secret"}], "there is no such key"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(home, routes, why):
    home.prepare()
    with pytest.raises(RecipeError, match=why):
        all_settings.update(home.path, "alerts", routes=routes)


def test_addresses_and_tokens_come_from_the_environment():
    found = access(Route(**WEBHOOK, token_env=TOKEN), {HOOK: " https://example.org/x ", TOKEN: "tok"})
    assert (found.address, found.token) == ("https://example.org/x", "tok")
    assert repr(found) == "Access()"


@pytest.mark.parametrize(
    "value", ["ftp://example.org", "example.org/hook", "http://", "http://a b", "http://[::1", "x"]
)
def test_an_address_that_is_none_is_told_by_its_variable_alone(value):
    with pytest.raises(RecipeError) as caught:
        access(Route(**WEBHOOK), {HOOK: value})
    assert HOOK in str(caught.value)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("environment", [{}, {HOOK: ""}, {HOOK: "  "}])
def test_a_variable_that_is_not_set_is_named_with_the_cure(environment):
    with pytest.raises(RecipeError, match=f"{HOOK} of the alert route ops is not set") as caught:
        access(Route(**WEBHOOK), environment)
    assert caught.value.cure.startswith(f"set {HOOK} where the daemon and the code server are started")


@pytest.mark.parametrize("token", ["two\nlines", "schlüssel", "with space"])
def test_a_token_that_no_header_can_carry_is_told_by_its_variable(token):
    with pytest.raises(RecipeError, match=TOKEN) as caught:
        access(Route(**WEBHOOK, token_env=TOKEN), {HOOK: "http://example.org", TOKEN: token})
    assert token not in str(caught.value)


def test_the_default_settings_stand_on_their_own():
    assert Alerts() == Alerts.model_validate(Alerts().model_dump())
