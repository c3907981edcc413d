"""Bins of round widths."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.curation.histogram import MOST_BINS, Bin, histogram


def test_small_ranges_have_a_bin_a_value_with_the_empty_ones_between():
    assert histogram([2, 4, 2]) == [Bin(2, 2, 2), Bin(3, 3, 0), Bin(4, 4, 1)]
    assert histogram([7]) == [Bin(7, 7, 1)]
    assert histogram([]) == []


@pytest.mark.parametrize(("high", "width"), [(11, 1), (12, 2), (23, 2), (24, 5), (59, 5), (60, 10), (12_000, 2_000)])
def test_the_width_is_the_least_round_one_that_needs_no_more_bins(high, width):
    bins = histogram([0, high])
    assert {one.most - one.least + 1 for one in bins} == {width}
    assert len(bins) <= MOST_BINS


def test_bins_begin_at_multiples_of_their_width():
    assert histogram([41, 58, 63, 99, 102]) == [
        Bin(40, 49, 1),
        Bin(50, 59, 1),
        Bin(60, 69, 1),
        Bin(70, 79, 0),
        Bin(80, 89, 0),
        Bin(90, 99, 1),
        Bin(100, 109, 1),
    ]


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_every_value_is_in_one_bin(values):
    bins = histogram(values)
    assert sum(one.values for one in bins) == len(values)
    assert len(bins) <= MOST_BINS
    for one in bins:
        assert one.values == sum(one.least <= value <= one.most for value in values)
