"""Statistics against two passes in float64, whatever the chunks and the order of merging."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.statistics import Covariance, Moments


def units(number, width=6, seed=0, dtype=np.float32):
    rows = np.random.default_rng(seed).normal(0.3, 1, size=(number, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


def gathered(*chunks):
    moments = Moments(chunks[0].shape[1])
    for chunk in chunks:
        moments.add(chunk)
    return moments


def test_mean_and_trace_of_two_rows_by_hand():
    moments = gathered(np.array([[1, 0], [0, 1]], np.float32))
    assert moments.count == 2
    assert moments.mean().tolist() == [0.5, 0.5]
    assert moments.trace() == pytest.approx(0.5, abs=1e-15)


def test_equal_rows_have_no_variance():
    moments = gathered(np.tile(np.array([0.6, 0.8]), (1000, 1)))
    assert moments.trace() == pytest.approx(0, abs=1e-14)
    assert moments.trace() >= 0


@given(
    number=st.integers(2, 60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    order=st.randoms(use_true_random=False),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
@settings(deadline=None, max_examples=60)
def test_chunks_and_the_order_of_merging_change_nothing(number, cuts, order, dtype):
    rows = units(number, seed=number, dtype=dtype)
    edges = sorted({0, number, *(min(cut, number) for cut in cuts)})
    parts = [gathered(rows[start:stop]) for start, stop in pairwise(edges)]
    order.shuffle(parts)
    merged = Moments(6)
    for part in parts:
        merged.merge(part)
    two_pass = rows.astype(np.float64)
    mean = two_pass.mean(axis=0)
    assert merged.count == number
    assert np.allclose(merged.mean(), mean, rtol=0, atol=1e-12)
    assert merged.trace() == pytest.approx(((two_pass - mean) ** 2).sum(axis=1).mean(), abs=1e-12)


def test_many_chunks_agree_with_one_to_1e_12():
    rows = units(20_000, width=64, dtype=np.float16)
    one = gathered(rows)
    many = gathered(*(rows[start : start + 37] for start in range(0, len(rows), 37)))
    assert np.abs(one.mean() - many.mean()).max() < 1e-12
    assert abs(one.trace() - many.trace()) < 1e-12


def test_the_same_chunks_give_the_same_bytes():
    chunks = [units(100, seed=seed) for seed in range(5)]
    assert gathered(*chunks).mean().tobytes() == gathered(*chunks).mean().tobytes()


def test_an_empty_chunk_changes_nothing():
    rows = units(5)
    assert gathered(rows[:0], rows, rows[:0]).mean().tobytes() == gathered(rows).mean().tobytes()


def test_the_input_is_left_alone():
    rows = units(5, dtype=np.float64)
    before = rows.copy()
    gathered(rows)
    assert np.array_equal(rows, before)


@pytest.mark.parametrize("number", [0, 1])
def test_fewer_than_two_rows_have_no_statistics(number):
    with pytest.raises(TransferError, match=f"There are {number} embeddings") as caught:
        gathered(units(number)).mean()
    assert "give more" in caught.value.cure


def test_dimensions_do_not_mix():
    moments = gathered(units(3, width=6))
    with pytest.raises(TransferError, match=r"from row 3 on have the shape \(2, 7\) instead of \(rows, 6\)"):
        moments.add(units(2, width=7))
    with pytest.raises(TransferError, match="7 dimensions meet statistics of 6"):
        moments.merge(gathered(units(2, width=7)))


def test_rows_without_unit_norm_are_taken_where_that_is_asked_for():
    moments = Moments(2)
    moments.add(np.array([[3.0, 0], [0, 0]]), unit=False)
    assert moments.mean().tolist() == [1.5, 0]
    assert moments.trace() == pytest.approx(2.25)


@given(
    number=st.integers(2, 60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    order=st.randoms(use_true_random=False),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
@settings(deadline=None, max_examples=40)
def test_covariances_merge_in_any_order(number, cuts, order, dtype):
    rows = units(number, seed=number, dtype=dtype)
    edges = sorted({0, number, *(min(cut, number) for cut in cuts)})
    parts = []
    for start, stop in pairwise(edges):
        part = Covariance(6)
        part.add(rows[start:stop])
        parts.append(part)
    order.shuffle(parts)
    merged = Covariance(6)
    for part in parts:
        merged.merge(part)
    found = merged.covariance()
    assert np.array_equal(found, found.T)
    assert np.allclose(found, np.cov(rows.astype(np.float64).T, bias=True), rtol=0, atol=1e-12)
    assert merged.trace() == pytest.approx(np.trace(found), abs=1e-12)


def test_the_mean_of_half_precision_rows_is_exact_whatever_the_chunks():
    rows = units(5000, dtype=np.float16)
    whole, cut = gathered(rows), gathered(*(rows[start : start + 7] for start in range(0, 5000, 7)))
    assert whole.mean().tobytes() == cut.mean().tobytes()


def test_the_number_of_the_first_row_can_be_given():
    with pytest.raises(TransferError, match="Row 70 is a zero vector"):
        Moments(6).add(np.zeros((1, 6)), first=70)
