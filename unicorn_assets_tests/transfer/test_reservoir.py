"""Samples by hash: the same whatever the order, the chunks and the shards."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import TransferError
from unicorn_assets.identity import row_seed
from unicorn_assets.transfer.reservoir import Reservoir
from unicorn_assets_tests.transfer.references import WIDTH, names, texts


@given(
    number=st.integers(0, 80),
    size=st.integers(1, 60),
    cuts=st.lists(st.integers(0, 80), max_size=5),
    order=st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=60)
def test_shards_in_any_order_give_the_lowest_hashes(number, size, cuts, order):
    rows, ids = texts(80)[:number], names(80)[:number]
    edges = sorted({0, number, *(min(cut, number) for cut in cuts)})
    parts = []
    for start, stop in pairwise(edges):
        part = Reservoir(WIDTH, size)
        part.add(ids[start:stop], rows[start:stop])
        parts.append(part)
    order.shuffle(parts)
    whole = Reservoir(WIDTH, size)
    for part in parts:
        whole.merge(part)
    lowest = sorted(range(number), key=lambda row: row_seed(ids[row], "reservoir"))[:size]
    assert whole.ids() == [ids[row] for row in lowest]
    assert whole.rows().tobytes() == rows[lowest].tobytes()
    assert whole.seen == number


def test_wrong_rows_are_named_over_all_calls():
    sample = Reservoir(WIDTH, 5)
    sample.add(names(7), texts(7))
    bad = texts(3)
    bad[1] = np.nan
    with pytest.raises(TransferError, match="Row 8 holds NaN"):
        sample.add(names(3), bad)


def test_samples_of_two_kinds_do_not_mix():
    with pytest.raises(TransferError, match="differ in size or dimension"):
        Reservoir(WIDTH, 5).merge(Reservoir(WIDTH, 6))
