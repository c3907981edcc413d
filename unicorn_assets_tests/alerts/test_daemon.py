"""The promise of issue 4 with a real daemon: 1,000 failing checks, half of the deliveries refused, three kills."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import dagster as dg
import pytest

from unicorn_assets.defs import instance as instances
from unicorn_assets.recipe import CHECKOUT
from unicorn_assets.settings import update
from unicorn_assets_tests.alerts.location import CHECKS, SHARDS, noisy
from unicorn_assets_tests.alerts.making import HOOK, rows, waiting
from unicorn_assets_tests.alerts.servers import HttpEndpoint, MailEndpoint

RUNS = 1000 // CHECKS
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
MODULE = "unicorn_assets_tests.alerts.location"


class Daemon:
    """`dagster-daemon run` with its code server, in a process group of its own."""

    def __init__(self, home, environment):
        self.home, self.environment = home, environment
        self.log = (home.path / "daemon.log").open("ab")
        self.lock = threading.Lock()
        self.process = None
        self.kills = 0

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-m", MODULE],
            env=os.environ | self.environment,
            cwd=CHECKOUT,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def start_if_dead(self):
        with self.lock:
            if self.process.poll() is not None:
                self.start()

    def kill(self):
        with self.lock:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                self.kills += 1
                self.wait_for_the_code_server()

    def wait_for_the_code_server(self):
        """It is in the group and was killed with it."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)
        raise AssertionError("the code server outlived the kill")

    def said(self):
        return (self.home.path / "daemon.log").read_text()

    def close(self):
        self.kill()
        self.log.close()


class RefusesHalf:
    """Refuses every second new key at its first attempt."""

    def __init__(self, yes, no):
        self.seen, self.refused, self.yes, self.no = Counter(), 0, yes, no
        self.lock = threading.Lock()

    def __call__(self, request):
        with self.lock:
            self.seen[request.key] += 1
            first = self.seen[request.key] == 1
            if first and len(self.seen) % 2:
                self.refused += 1
                return self.no
            return self.yes


@pytest.fixture
def failed(home):
    """A home in whose history 1,000 evaluations failed."""
    home.prepare()
    folder = instances.prepare(home)
    with dg.DagsterInstance.from_config(str(folder), instances.COMMAND_FILE) as instance:
        for shard in SHARDS[:RUNS]:
            result = dg.materialize([noisy], instance=instance, partition_key=shard, run_config=QUIET)
            assert result.success
    return folder


@pytest.mark.timeout(280)
def test_a_thousand_failing_checks_arrive_though_half_is_refused_and_the_daemon_killed_three_times(home, failed):
    http_refuses, mail_refuses = RefusesHalf(200, 500), RefusesHalf("250 OK", "451 later")
    http_kills, mail_kills = ["one"], ["one"]

    def answer(request):
        # A kill after the message is here and before the daemon hears of it: that is what makes a repeat.
        status = http_refuses(request)
        if status == 200 and http_kills:
            http_kills.pop()
            daemon.kill()
        return status

    def mail(received):
        reply = mail_refuses(received)
        if reply.startswith("250") and mail_kills:
            mail_kills.pop()
            threading.Thread(target=daemon.kill).start()
        return reply

    with HttpEndpoint(answer) as hook, MailEndpoint(mail) as post:
        quick = {"interval_seconds": 1, "timeout_seconds": 3.0, "first_wait_seconds": 1.0}
        update(home.path, "alerts", **quick, routes=routes(post.port))
        daemon = Daemon(home, {"DAGSTER_HOME": str(failed), "UNICORN_HOME": str(home.path), HOOK: hook.url})
        try:
            daemon.start()
            kill_while_reading(daemon, home)
            deadline = time.monotonic() + 200
            while daemon.kills < 3 or recorded(home) < 1000 or waiting(home.state):
                assert time.monotonic() < deadline, daemon.said()[-5000:]
                daemon.start_if_dead()
                time.sleep(0.1)
        finally:
            daemon.close()
    judge("webhook", hook.requests, hook.arrived(), http_refuses)
    judge("e-mail", post.mails, post.arrived(), mail_refuses)
    assert rows(home.state, "SELECT count(*) FROM alert_groups WHERE state = 'dead'") == [(0,)]
    assert "sent in" in daemon.said()


def routes(port):
    hook = {"name": "hook", "kind": "webhook", "address_env": HOOK}
    mail = {"name": "mail", "kind": "email", "host": "127.0.0.1", "port": port, "security": "none"}
    return [hook, mail | {"sender": "unicorn@example.org", "to": ["ops@example.org"]}]


def recorded(home):
    return rows(home.state, "SELECT count(*) FROM alerts")[0][0] if home.state.is_file() else 0


def kill_while_reading(daemon, home):
    """The first kill, when a part of the history has been read."""
    deadline = time.monotonic() + 60
    while not recorded(home):
        assert time.monotonic() < deadline, daemon.said()
        time.sleep(0.01)
    daemon.kill()
    print(f"killed when {recorded(home)} of 1,000 alerts were recorded")


def judge(name, received, arrived, refuses):
    members = {}
    for one in received:
        assert members.setdefault(one.key, one.ids) == one.ids, "members are frozen"
    ids = [one for group in members.values() for one in group]
    assert len(ids) == len(set(ids)) == 1000, "every alert stands in one group"
    assert set(arrived) == set(ids), "0 lost"
    repeats = len(received) - len(members) - refuses.refused
    assert refuses.refused >= len(members) // 2
    assert repeats <= 3, "each kill makes one at most"
    print(f"{name}: {len(members)} groups, {refuses.refused} refused, 0 lost, {repeats} repeats of the same key")
