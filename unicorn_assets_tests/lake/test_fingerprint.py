import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.lake.fingerprint import digest, fingerprint

VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
TABLES = st.dictionaries(
    st.text(max_size=4), VALUES | st.dictionaries(st.text(max_size=3), VALUES, max_size=3), max_size=5
)


def test_a_fingerprint_never_changes():
    # If this fails, every shard in the world is made again: undo the change.
    assert (
        fingerprint("caption_seeds", {"version": 1, "é": [1.5, None, True]}, {"seed_sources": "ab"})
        == "15fd211e69b2cfeee71e1f6d2576ed3c"
    )


def test_each_part_counts_and_none_runs_into_the_next():
    base = fingerprint("a", {"b": "c"}, {"d": "e"})
    others = [
        fingerprint("a2", {"b": "c"}, {"d": "e"}),
        fingerprint("a", {"b": "c2"}, {"d": "e"}),
        fingerprint("a", {"b": "c"}, {"d": "e2"}),
        fingerprint("a", {"b": "c", "d": "e"}, {}),
        fingerprint("a", {"b": ["c"]}, {"d": "e"}),
        fingerprint("a", {"b": "c", "x": None}, {"d": "e"}),
    ]
    assert len({base, *others}) == 7
    assert len(base) == 32


@settings(deadline=None, max_examples=60)
@given(TABLES)
def test_the_order_of_keys_does_not_count(table):
    turned = {key: table[key] for key in reversed(table)}
    assert digest(table) == digest(turned)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x"])
def test_what_has_no_one_form_in_json_has_no_fingerprint(value):
    with pytest.raises((ValueError, TypeError)):
        digest({"a": value})
