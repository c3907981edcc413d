"""The index of the answer store against a dict."""

import random
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.engines.key_index import KeyIndex

# Few different halves, so that keys meet in one slot and share their upper or lower half; 0 is a key as any other.
HALVES = st.sampled_from([0, 1, 1023, 1024, 2**63, 2**64 - 1])
KEYS = st.builds(lambda high, low: high << 64 | low, HALVES, HALVES | st.integers(0, 2**64 - 1))
LOCATIONS = st.integers(-(2**62), 2**62).filter(bool)


@given(st.lists(st.tuples(KEYS, LOCATIONS), max_size=60))
@settings(deadline=None, max_examples=100)
def test_it_answers_as_a_dict_does(entries):
    index, like = KeyIndex(), {}
    for key, location in entries:
        assert index.add(key, location) == (key not in like)
        like.setdefault(key, location)
    assert dict(index) == like
    assert len(index) == len(like)
    for key in [*like, 5, 2**127]:
        assert index.get(key) == like.get(key, 0)


def test_a_key_takes_less_than_a_hundred_bytes():
    draw = random.Random(0)
    keys = [draw.getrandbits(128) for _ in range(20_000)]
    tracemalloc.start()
    index = KeyIndex()
    for number, key in enumerate(keys, start=1):
        index.add(key, number)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / len(keys) < 100
    assert [index.get(key) for key in keys] == list(range(1, 20_001))
