"""The join of sorted rows with a sorted stream."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import LakeError
from unicorn_assets.release.lookup import Lookup


def parts(ids: list[str], size: int) -> Iterator[tuple[list[str], list[str]]]:
    yield [], []
    for start in range(0, len(ids), size):
        part = ids[start : start + size]
        yield part, [f"value of {one}" for one in part]


@settings(deadline=None, max_examples=100)
@given(st.sets(st.text(max_size=3)), st.integers(1, 5), st.integers(1, 5), st.data())
def test_finds_every_id_in_order_however_both_sides_are_cut(
    there: set[str], size: int, step: int, data: st.DataObject
) -> None:
    ids = sorted(there)
    wanted = [one for one in ids if data.draw(st.booleans())]
    lookup = Lookup(parts(ids, size), what="value", cure="none")
    found = [
        values[position]
        for start in range(0, len(wanted), step)
        for values, positions in lookup.find(wanted[start : start + step])
        for position in positions
    ]
    assert found == [f"value of {one}" for one in wanted]


@pytest.mark.parametrize("missing", ["a0", "b5", "c9"])
def test_names_the_id_that_is_not_there(missing: str) -> None:
    lookup = Lookup(parts(["a1", "b1", "c1"], 2), what="vector", cure="make it again.")
    with pytest.raises(LakeError, match=f"Sample {missing} has no vector") as error:
        list(lookup.find(sorted(["b1", missing])))
    assert error.value.cure == "make it again."
