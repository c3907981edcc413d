"""How many requests may be in flight, in arithmetic alone; and the patience with a server that is down."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.engines.openai.outage import Outage
from unicorn_assets.engines.openai.window import START, Window
from unicorn_assets.errors import EngineDownError, EngineError


def rounds(window, count, latency, start=0.0):
    """Lets so many round trips pass; `latency` gives seconds from the number in flight."""
    limits, now = [], start
    for _ in range(count):
        limit, sent = window.limit, now
        now += latency(limit)
        for _ in range(limit):
            window.answered(sent, now)
        limits.append(window.limit)
    return limits


def test_it_doubles_while_latency_holds_up_to_the_most():
    assert rounds(Window(256), 7, lambda limit: 1.0) == [32, 64, 128, 256, 256, 256, 256]


def test_a_small_most_is_kept():
    assert Window(3).limit == 3
    assert set(rounds(Window(3), 5, lambda limit: 1.0)) == {3}


def test_it_stops_growing_where_latency_grows_as_fast():
    # The server works on 32 at once; beyond that, requests queue.
    limits = rounds(Window(1024), 40, lambda limit: max(1.0, limit / 32))
    assert 32 <= max(limits) <= 96


def test_it_goes_on_growing_where_batches_pay():
    # As served models do: latency grows with the batch, and answers a second grow still.
    assert rounds(Window(256), 40, lambda limit: 1.0 + limit / 64)[-1] >= 128


def test_answers_to_what_was_sent_before_the_last_change_do_not_count():
    window = Window(256)
    rounds(window, 1, lambda limit: 1.0)
    for _ in range(1000):
        window.answered(0.5, 1.5)
    assert window.limit == 32


def test_overload_halves_once_for_what_was_in_flight_together():
    window = Window(256)
    rounds(window, 3, lambda limit: 1.0)
    assert window.limit == 128
    for _ in range(50):
        window.overloaded(sent=9.0, now=10.0)
    assert window.limit == 64
    window.overloaded(sent=10.5, now=11.0)
    assert window.limit == 32
    grown = rounds(window, 4, lambda limit: 1.0, start=12.0)
    assert grown == [32, 40, 40, 50], "after overload it grows by steps"


def test_an_absent_server_is_met_again_with_one_request_and_then_a_ramp():
    window = Window(256)
    rounds(window, 5, lambda limit: 1.0)
    for _ in range(256):
        window.unreachable(sent=9.0, now=10.0)
    assert window.limit == 1
    assert rounds(window, 8, lambda limit: 1.0, start=11.0) == [2, 4, 8, 16, 32, 64, 128, 256]


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 300),
    st.lists(st.tuples(st.sampled_from(["answered", "overloaded", "unreachable"]), st.floats(0, 10)), max_size=400),
)
def test_whatever_happens_there_is_room_for_one_and_for_no_more_than_the_most(most, events):
    window, now = Window(most), 0.0
    assert window.limit == min(START, most)
    for kind, seconds in events:
        now += seconds
        getattr(window, kind)(now - seconds, now)
        assert 1 <= window.limit <= most


def test_patience_counts_from_the_last_answer():
    outage = Outage("http://here/v1", 10.0)
    assert outage.trouble("gone", 100.0, 3.0) == 3.0
    assert outage.trouble("gone", 109.0, 3.0) == 1.0, "no longer than patience allows"
    outage.over(109.5)
    assert outage.trouble("gone", 200.0, 3.0) == 3.0
    with pytest.raises(EngineDownError, match=r"http://here/v1 has given no answer for 10 s \(gone\)") as gone:
        outage.trouble("gone", 210.0, 3.0)
    assert gone.value.retryable
    assert isinstance(gone.value, EngineError)
    assert not EngineError("a", "b").retryable


def test_a_wait_that_patience_does_not_cover_is_not_begun():
    with pytest.raises(EngineDownError, match="left alone for 3600 s"):
        Outage("http://here/v1", 900.0).trouble("busy", 0.0, 3600.0, 3600.0)


def test_the_log_hears_of_trouble_at_most_every_ten_seconds(caplog):
    outage = Outage("http://here/v1", 900.0)
    with caplog.at_level(logging.WARNING):
        for tenth in range(1000):
            outage.trouble("Connection refused", tenth / 10, 0.1)
        outage.over(100.0)
        outage.trouble("busy", 200.0, 0.1)
        outage.over(200.5)
    assert len(caplog.messages) == 11
    assert caplog.messages[0] == (
        "The server at http://here/v1 gives no answer (Connection refused); waiting up to 899 s more."
    )
    assert caplog.messages[-1] == "The server at http://here/v1 answers again after 100 s."


def test_it_notices_when_what_is_asked_changes():
    window = Window(256)
    rounds(window, 40, lambda limit: max(1.0, limit / 8))
    assert window.limit <= 24
    assert max(rounds(window, 60, lambda limit: 9.0, start=1000.0)) == 256, (
        "long answers, and the server takes all at once"
    )
