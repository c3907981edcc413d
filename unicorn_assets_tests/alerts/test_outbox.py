"""From recording to sent or dead, without any endpoint."""

import time

import pytest

from unicorn_assets import state
from unicorn_assets.alerts import checks, groups, message, outbox, overview
from unicorn_assets.alerts.alert import LONGEST_TEXT, load
from unicorn_assets.alerts.groups import Outcome
from unicorn_assets_tests.alerts.making import alert, record, rows, settings

LOG = {"name": "a", "kind": "log"}
NOW = 1_800_000_000.0


@pytest.fixture
def connection(home):
    with outbox.opened(home.state) as opened:
        yield opened


def recorded(connection, chosen, *alerts):
    with state.transaction(connection):
        outbox.add(connection, alerts)
    outbox.assign(connection, chosen.routes)


def ids(group):
    return [one.id for one in group.alerts]


def test_an_id_is_recorded_once_whoever_records_it(home):
    gave_up = alert(kind="gave_up", id="gave-up:expanded_captions:shard-0001:abc")
    assert outbox.record(home.state, gave_up)
    assert not outbox.record(home.state, gave_up)
    assert record(home.state, alert(1), alert(1), alert(2)) == 2
    assert rows(home.state, "SELECT count(*) FROM alerts") == [(3,)]


def test_an_alert_is_read_as_it_was_recorded():
    first = alert(what="Größe 图像", figures={"a": 1, "b": 0.5, "c": "text", "d": True, "e": None})
    assert load(first.dump()) == first


def test_what_is_long_is_cut_and_what_json_cannot_hold_is_put_in_words():
    huge = alert(
        what="x" * 5000,
        figures={"nan": float("nan"), "inf": float("inf"), "list": list(range(1000)), "half": "\ud800"}
        | {f"figure {number}": number for number in range(100)},
    )
    read = load(huge.dump())
    assert len(read.what) == LONGEST_TEXT
    assert len(read.figures) == 20
    assert read.figures["nan"] == "nan"
    assert read.figures["inf"] == "inf"
    assert len(read.figures["list"]) == 300
    assert read.figures["half"] == "?"
    assert len(huge.dump()) < 10_000


def test_members_and_key_freeze_and_later_alerts_make_a_group_of_their_own(connection):
    chosen = settings(LOG)
    recorded(connection, chosen, alert(1), alert(2))
    assert groups.freeze(connection, "a", NOW) == 1
    recorded(connection, chosen, alert(3))
    first = groups.take(connection, "a", chosen, NOW)
    assert ids(first) == [alert(1).id, alert(2).id]
    groups.settle(connection, first, Outcome("HTTP 500"), chosen, NOW)
    assert groups.freeze(connection, "a", NOW) == 1
    second = groups.take(connection, "a", chosen, NOW)
    assert ids(second) == [alert(3).id]
    again = groups.take(connection, "a", chosen, NOW + 60)
    assert (again.key, again.alerts, again.attempts) == (first.key, first.alerts, 2)
    assert again.key != second.key


def test_errors_and_warnings_are_apart_and_errors_first(connection):
    chosen = settings(LOG)
    recorded(connection, chosen, alert(1, severity="WARN"), alert(2), alert(3, severity="WARN"))
    assert groups.freeze(connection, "a", NOW) == 2
    taken = [groups.take(connection, "a", chosen, NOW) for _ in range(2)]
    assert [(group.severity, len(group.alerts)) for group in taken] == [("ERROR", 1), ("WARN", 2)]
    assert groups.take(connection, "a", chosen, NOW) is None


def test_groups_have_a_largest_size(connection):
    recorded(connection, settings(LOG), *(alert(number) for number in range(250)))
    assert groups.freeze(connection, "a", NOW) == 3
    sizes = connection.execute("SELECT count(*) FROM alert_deliveries GROUP BY group_key ORDER BY 1").fetchall()
    assert [size for (size,) in sizes] == [50, 100, 100]


def test_groups_of_huge_alerts_stay_small_enough_for_every_endpoint(connection):
    chosen = settings(LOG)
    huge = [alert(n, what="图" * 5000, figures={f"figure {i}": "像" * 900 for i in range(50)}) for n in range(100)]
    recorded(connection, chosen, *huge)
    made = groups.freeze(connection, "a", NOW)
    taken = [groups.take(connection, "a", chosen, NOW) for _ in range(made)]
    assert sum(len(group.alerts) for group in taken) == 100
    sizes = [len(message.json_text(message.table(group, "http://127.0.0.1:3000"))) for group in taken]
    assert 100_000 < max(sizes) < 250_000


def test_a_refused_group_waits_longer_each_time_and_is_set_aside_after_the_last_try(connection):
    chosen = settings(LOG, first_wait_seconds=10.0, max_attempts=4)
    recorded(connection, chosen, alert(1))
    groups.freeze(connection, "a", NOW)
    now, waits = NOW, []
    for attempt in range(1, 5):
        group = groups.take(connection, "a", chosen, now)
        assert group.attempts == attempt
        groups.settle(connection, group, Outcome("it answers HTTP 500"), chosen, now)
        assert groups.take(connection, "a", chosen, now) is None
        (due,) = connection.execute("SELECT next_try FROM alert_groups").fetchone()
        waits.append(due - now)
        now = due
    assert all(8 * 2**n <= waited <= 12 * 2**n for n, waited in enumerate(waits))
    assert groups.take(connection, "a", chosen, now) is None
    (standing,) = overview.standings(connection)
    assert (standing.waiting, standing.dead, standing.attempts) == (0, 1, 4)
    assert overview.words(standing) == "1 set aside on route a after too many tries: it answers HTTP 500"
    assert groups.revive(connection, now) == 1
    assert groups.take(connection, "a", chosen, now).key == group.key


def test_waits_are_capped_and_an_endpoint_may_ask_for_more(connection):
    chosen = settings(LOG, first_wait_seconds=10.0)
    assert max(groups.wait(chosen, 10_000) for _ in range(50)) <= 1800 * 1.2
    recorded(connection, chosen, alert(1))
    groups.freeze(connection, "a", NOW)
    groups.settle(connection, groups.take(connection, "a", chosen, NOW), Outcome("429", wait=500.0), chosen, NOW)
    assert groups.take(connection, "a", chosen, NOW + 499) is None
    assert groups.take(connection, "a", chosen, NOW + 501) is not None


def test_an_attempt_that_was_cut_off_counts_and_the_last_one_ends_dead_and_shown(connection):
    chosen = settings(LOG, max_attempts=2, first_wait_seconds=1.0)
    recorded(connection, chosen, alert(1))
    groups.freeze(connection, "a", NOW)
    for now in (NOW, NOW + 100):
        assert groups.take(connection, "a", chosen, now) is not None  # and the process dies
    assert groups.take(connection, "a", chosen, NOW + 200) is None
    assert [one.dead for one in overview.standings(connection)] == [1]


def test_nothing_is_frozen_while_the_endpoint_is_down_so_that_what_gathers_comes_in_one_group(connection):
    chosen = settings(LOG)
    recorded(connection, chosen, alert(1))
    groups.freeze(connection, "a", NOW)
    down = groups.take(connection, "a", chosen, NOW)
    groups.settle(connection, down, Outcome("no connection", down=True), chosen, NOW)
    for number in (2, 3):
        recorded(connection, chosen, alert(number))
        assert groups.freeze(connection, "a", NOW) == 0
    groups.settle(connection, groups.take(connection, "a", chosen, NOW + 60), Outcome(), chosen, NOW)
    assert groups.freeze(connection, "a", NOW) == 1
    assert ids(groups.take(connection, "a", chosen, NOW)) == [alert(2).id, alert(3).id]


def test_a_group_that_may_be_what_kills_the_endpoint_does_not_hold_the_others_for_ever(connection):
    chosen = settings(LOG, max_attempts=30)
    recorded(connection, chosen, alert(1))
    groups.freeze(connection, "a", NOW)
    recorded(connection, chosen, alert(2))
    frozen = []
    for hour in range(4):
        now = NOW + 3600 * hour
        groups.settle(connection, groups.take(connection, "a", chosen, now), Outcome("hangs", down=True), chosen, now)
        frozen.append(groups.freeze(connection, "a", now))
        if frozen[-1]:
            break
    assert frozen == [0, 0, 1]


def test_a_resolved_waits_for_its_failure(connection):
    chosen = settings(LOG)
    recorded(connection, chosen, alert(1))
    groups.freeze(connection, "a", NOW)
    first = groups.take(connection, "a", chosen, NOW)
    groups.settle(connection, first, Outcome("HTTP 500"), chosen, NOW)
    recorded(connection, chosen, alert(1, id="r", kind="resolved"), alert(2))
    groups.freeze(connection, "a", NOW)
    assert ids(groups.take(connection, "a", chosen, NOW)) == [alert(2).id]
    groups.settle(connection, groups.take(connection, "a", chosen, NOW + 60), Outcome(), chosen, NOW)
    assert groups.freeze(connection, "a", NOW) == 1
    assert ids(groups.take(connection, "a", chosen, NOW)) == ["r"]


def test_a_resolved_waits_for_its_failure_where_both_would_stand_in_different_groups(connection):
    chosen = settings(LOG)
    failures = [alert(number) for number in range(groups.MOST_MEMBERS)]
    resolved = alert(3, id="r", kind="resolved")
    recorded(connection, chosen, *failures, resolved, alert(200), alert(4, id="w", severity="WARN"))
    assert groups.freeze(connection, "a", NOW) == 2
    first = groups.take(connection, "a", chosen, NOW)
    groups.settle(connection, first, Outcome("HTTP 500"), chosen, NOW)
    assert ids(groups.take(connection, "a", chosen, NOW)) == [alert(200).id]
    assert groups.take(connection, "a", chosen, NOW) is None
    groups.settle(connection, groups.take(connection, "a", chosen, NOW + 60), Outcome(), chosen, NOW)
    assert groups.freeze(connection, "a", NOW) == 2
    assert [ids(groups.take(connection, "a", chosen, NOW)) for _ in range(2)] == [["r"], ["w"]]


def test_an_alert_that_no_route_takes_goes_nowhere_and_is_kept(connection):
    recorded(connection, settings(LOG | {"severities": ["ERROR"]}), alert(1, severity="WARN"))
    assert overview.standings(connection) == []
    assert overview.unassigned(connection) == 0
    assert connection.execute("SELECT count(*) FROM alerts").fetchone()[0] == 1


class TestChecks:
    """`resolved`, whatever the order in which evaluations are read."""

    def failing(self, connection, *alerts):
        with state.transaction(connection):
            for one in alerts:
                checks.failed(connection, one)

    def passing(self, connection, when, run_id="later"):
        with state.transaction(connection):
            checks.passed(connection, alert(1).subject, when, run_id)

    def resolved(self, connection):
        checks.resolve(connection)
        found = connection.execute("SELECT body FROM alerts ORDER BY number").fetchall()
        return [one.id for one in (load(row["body"]) for row in found) if one.kind == "resolved"]

    def test_one_resolved_for_all_failures_before_it(self, connection):
        self.failing(connection, alert(1, when=10.0), alert(1, id="b", when=20.0))
        assert self.resolved(connection) == []
        self.passing(connection, 30.0)
        self.passing(connection, 40.0)
        assert self.resolved(connection) == ["b:resolved"]
        assert self.resolved(connection) == ["b:resolved"]
        self.passing(connection, 50.0)
        self.failing(connection, alert(1, when=10.0))  # read again
        assert self.resolved(connection) == ["b:resolved"]

    def test_it_says_what_passes_and_where(self, connection):
        self.failing(connection, alert(1, when=10.0, severity="WARN"))
        self.passing(connection, 30.0, "good-run")
        self.resolved(connection)
        (body,) = connection.execute("SELECT body FROM alerts WHERE id LIKE '%resolved'").fetchone()
        told = load(body)
        assert (told.kind, told.severity, told.shard, told.run_id) == ("resolved", "WARN", "shard-0001", "good-run")
        assert told.subject == alert(1).subject

    def test_a_pass_before_the_failure_is_none(self, connection):
        self.passing(connection, 5.0)
        self.failing(connection, alert(1, when=10.0))
        assert self.resolved(connection) == []

    def test_a_failure_that_is_read_after_the_pass_that_followed_it(self, connection):
        self.passing(connection, 30.0)
        assert self.resolved(connection) == []
        self.failing(connection, alert(1, when=10.0))
        assert self.resolved(connection) == [f"{alert(1).id}:resolved"]

    def test_failing_again_and_recovering_again_gives_another(self, connection):
        self.failing(connection, alert(1, when=10.0))
        self.passing(connection, 20.0)
        self.resolved(connection)
        self.failing(connection, alert(1, id="b", when=30.0))
        assert len(self.resolved(connection)) == 1
        self.passing(connection, 40.0)
        assert self.resolved(connection) == [f"{alert(1).id}:resolved", "b:resolved"]

    def test_other_shards_do_not_recover_with_it(self, connection):
        self.failing(connection, alert(1, when=10.0), alert(2, when=10.0))
        self.passing(connection, 20.0)
        assert self.resolved(connection) == [f"{alert(1).id}:resolved"]


def test_a_thousand_alerts_are_assigned_and_frozen_in_no_time(connection):
    start = time.process_time()
    recorded(connection, settings(LOG, LOG | {"name": "b"}), *(alert(number) for number in range(1000)))
    assert groups.freeze(connection, "a", NOW) == groups.freeze(connection, "b", NOW) == 10
    assert time.process_time() - start < 2.0
