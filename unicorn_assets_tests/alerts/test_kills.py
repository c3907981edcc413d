"""kill -9 between every two steps from recording to marking as sent: nothing is lost, repeats carry the same key."""

import time

from unicorn_assets_tests.alerts.making import (
    HOOK,
    WEBHOOK,
    alert,
    killed_while_sending,
    look,
    record,
    settings,
    waiting,
)
from unicorn_assets_tests.alerts.servers import HttpEndpoint
from unicorn_assets_tests.lake.making import ended


def test_killed_between_any_two_steps_everything_arrives_and_repeats_carry_their_key(tmp_path, monkeypatch):
    chosen = settings(WEBHOOK, timeout_seconds=0.5)
    alerts = [alert(number) for number in range(3)]
    repeats, steps, status = 0, 0, -9
    while status == -9:
        path = tmp_path / str(steps) / "state.sqlite"
        with HttpEndpoint() as endpoint:
            monkeypatch.setenv(HOOK, endpoint.url)
            status = ended(killed_while_sending, steps, path, {HOOK: endpoint.url}, chosen, alerts)
            record(path, *alerts)  # the history is read again
            deadline = time.monotonic() + 20
            look(path, chosen)
            while waiting(path):
                time.sleep(0.02)
                look(path, chosen)
                assert time.monotonic() < deadline, (steps, endpoint.requests)
            assert set(endpoint.arrived()) == {one.id for one in alerts}
            bodies = {}
            for request in endpoint.requests:
                assert bodies.setdefault(request.key, request.body) == request.body
            assert sum(endpoint.arrived().values()) == 3 * len(endpoint.requests)
            assert len(bodies) == 1
            repeats += len(endpoint.requests) - 1
        steps += 1
    assert status == 0
    assert steps > 15, "around each of five commits and the request"
    # Only a kill between the endpoint's answer and its mark makes a repeat.
    assert 1 <= repeats <= 4
    print(f"killed at {steps - 1} steps: {repeats} repeats, each with the key of the first")
