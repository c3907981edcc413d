"""Embeddings in chunks of any lengths come together, and memory does not grow with the rows or their pairs."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.cosines import correlation, histogram
from unicorn_assets.transfer.metrics.neighbours import BLOCK, neighbours
from unicorn_assets.transfer.metrics.report import report
from unicorn_assets.transfer.metrics.streams import BLOCK_ROWS, chunks, together
from unicorn_assets_tests.transfer.metrics.clouds import units

MEGABYTE = 2**20

cuts = st.lists(st.integers(0, 30), max_size=5).map(sorted)


def peak(work):
    tracemalloc.start()
    work()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@given(first=cuts, second=cuts)
def test_whatever_the_chunks_rows_keep_their_partners(first, second):
    rows = np.arange(30.0)[:, None]
    parts = list(together(np.split(rows, first), iter(np.split(-rows, second)), rows + 100))
    assert all(len(one) == len(other) == len(third) > 0 for one, other, third in parts)
    one, other, third = (np.concatenate(some)[:, 0] for some in zip(*parts, strict=True))
    assert np.array_equal(one, np.arange(30))
    assert np.array_equal(one, -other)
    assert np.array_equal(one, third - 100)


def test_an_array_comes_in_blocks():
    assert [len(part) for part in chunks(np.zeros((2 * BLOCK_ROWS + 5, 1)))] == [BLOCK_ROWS, BLOCK_ROWS, 5]


@pytest.mark.parametrize("lengths", [(5, 4), (4, 5), (5, 0), (0, 5)])
def test_sets_of_different_lengths_are_refused(lengths):
    with pytest.raises(TransferError, match=f"ends after {min(lengths)} rows, another goes on"):
        list(together(*(np.zeros((length, 2)) for length in lengths)))


@pytest.mark.parametrize("work", [lambda rows: neighbours(rows, 20), histogram, lambda rows: correlation(rows, rows)])
def test_pairs_are_never_held_all_at_once(work):
    rows = units(3000)
    assert peak(lambda: work(rows)) < 7 * BLOCK * len(rows) * 8 < len(rows) ** 2 * 8


def test_a_report_on_more_rows_takes_no_more_memory():
    def stream(blocks):
        return (units(1000, 32, seed) for seed in range(blocks))

    few, many = (peak(lambda n=n: report(stream(n), stream(n), stream(n), pool=500)) for n in (3, 30))
    assert many < few + MEGABYTE
