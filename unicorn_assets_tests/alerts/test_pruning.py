"""Which alerts may go: those that have arrived, whose run is gone, and that nothing waits for."""

import time
from dataclasses import replace

import pytest

from unicorn_assets import state
from unicorn_assets.alerts import checks, groups, outbox, overview, pruning
from unicorn_assets.alerts.groups import Outcome
from unicorn_assets_tests.alerts.making import alert, settings

NOW = 1_800_000_000.0
CHOSEN = settings({"name": "a", "kind": "log"}, {"name": "b", "kind": "log", "severities": ["ERROR"]}, max_attempts=1)


@pytest.fixture
def connection(home):
    with outbox.opened(home.state) as opened:
        yield opened


def send(connection, *alerts, problem="", routes=("a", "b")):
    with state.transaction(connection):
        outbox.add(connection, alerts)
    outbox.assign(connection, CHOSEN.routes)
    for route in routes:
        groups.freeze(connection, route, NOW)
        while (group := groups.take(connection, route, CHOSEN, NOW)) is not None:
            groups.settle(connection, group, Outcome(problem), CHOSEN, NOW)


def kept(connection):
    return {row["id"] for row in connection.execute("SELECT id FROM alerts")}


def test_what_has_arrived_goes_with_its_run_and_leaves_nothing(connection):
    send(connection, alert(1), alert(2), alert(3, severity="WARN"))
    assert len(pruning.old(connection, NOW, {"run-2"})) == 2
    assert kept(connection) == {"run-1:7", "run-2:7", "run-3:7"}
    assert pruning.drop(connection, NOW, {"run-2"}) == 2
    assert kept(connection) == {"run-2:7"}
    assert pruning.drop(connection, NOW, set()) == 1
    for table in ("alerts", "alert_deliveries", "alert_groups"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    assert pruning.drop(connection, NOW, set()) == 0


def test_what_is_younger_was_not_routed_or_has_not_arrived_everywhere_stays(connection):
    send(connection, alert(1), problem="HTTP 500")
    send(connection, replace(alert(3), when=NOW))
    send(connection, alert(2), routes=("a",))
    with state.transaction(connection):
        outbox.add(connection, [alert(4)])
    before = overview.standings(connection)
    assert [one.dead for one in before] == [1, 1]
    assert pruning.drop(connection, NOW, set()) == 0
    assert overview.standings(connection) == before


def test_what_is_recorded_at_each_look_stays(connection):
    gave_up = alert(1, kind="gave_up", id="gave_up:shard-0001:abc:run-1")
    send(connection, gave_up)
    pruning.drop(connection, NOW, set())
    with state.transaction(connection):
        assert outbox.add(connection, [gave_up]) == 0


def test_a_failure_stays_until_its_resolved_was_made_of_it(connection):
    with state.transaction(connection):
        checks.failed(connection, alert(1, when=10.0))
    send(connection)
    assert pruning.drop(connection, NOW, set()) == 0
    with state.transaction(connection):
        checks.passed(connection, alert(1).subject, 20.0, "run-2")
    assert checks.resolve(connection) == 1
    send(connection)
    assert pruning.drop(connection, NOW, set()) == 2
    assert kept(connection) == set()
    assert checks.resolve(connection) == 0
    with state.transaction(connection):
        checks.failed(connection, alert(1, id="b", when=30.0))
        checks.passed(connection, alert(1).subject, 40.0, "run-3")
    assert checks.resolve(connection) == 1


def test_a_hundred_thousand_old_alerts_go_in_no_time(connection):
    number = 100_000
    with state.transaction(connection):
        connection.executemany(
            "INSERT INTO alerts (id, subject, severity, body, routed) VALUES (?, ?, 'ERROR', ?, 1)",
            ((f"{n}", f"{n % 1000}", alert(n).dump()) for n in range(number)),
        )
        connection.execute("INSERT INTO alert_deliveries SELECT 'a', number, subject, severity, 'g' FROM alerts")
        connection.execute(
            "INSERT INTO alert_groups (key, route, severity, state, frozen_at, next_try)"
            " VALUES ('g', 'a', 'ERROR', 'sent', 0, 0)"
        )
    start = time.process_time()
    assert pruning.drop(connection, NOW, {"run-5"}) == number - 1
    assert time.process_time() - start < 5.0
