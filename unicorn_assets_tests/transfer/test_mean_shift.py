"""The mean shift by hand, against a float64 reference, and on rows that it must refuse or report."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.mean_shift import MeanShift
from unicorn_assets.transfer.rows import LEAST_NORM
from unicorn_assets.transfer.statistics import Moments


def units(number, width=16, seed=0, dtype=np.float32):
    rows = np.random.default_rng(seed).normal(0.3, 1, size=(number, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(dtype)


def fit(rows, renormalise=True):
    moments = Moments(rows.shape[1])
    moments.add(rows)
    return MeanShift.fit(moments, renormalise=renormalise)


def test_two_rows_by_hand():
    rows = np.array([[1, 0], [0, 1]], np.float32)
    half = np.sqrt(0.5)
    vectors, lost = fit(rows).apply(rows)
    assert np.allclose(vectors, [[half, -half], [-half, half]], atol=1e-7)
    assert not lost.any()
    vectors, _ = fit(rows, renormalise=False).apply(rows)
    assert vectors.tolist() == [[0.5, -0.5], [-0.5, 0.5]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("renormalise", [True, False])
def test_agrees_with_a_float64_reference(dtype, renormalise):
    rows = units(2000, 384, dtype=dtype)
    exact = rows.astype(np.float64)
    exact = exact - exact.mean(axis=0)
    vectors, _ = fit(rows, renormalise).apply(rows)
    assert vectors.dtype == np.float32
    directions = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    doubles = vectors.astype(np.float64)
    cosines = (doubles * directions).sum(axis=1) / np.linalg.norm(doubles, axis=1)
    assert np.abs(cosines - 1).max() < 1e-6
    assert np.allclose(doubles, directions if renormalise else exact, atol=1e-6)


def test_the_papers_form_gives_unit_rows_that_survive_float16():
    rows = units(500, 384, dtype=np.float16)
    vectors, _ = fit(rows).apply(rows)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    halves = vectors.astype(np.float16).astype(np.float64)
    assert ((halves * vectors).sum(axis=1) / np.linalg.norm(halves, axis=1)).min() > 1 - 1e-6


def test_the_codes_form_has_its_centroid_at_zero():
    rows = units(500)
    assert np.abs(fit(rows, renormalise=False).apply(rows).vectors.mean(axis=0)).max() < 1e-7


@given(cuts=st.lists(st.integers(0, 50), max_size=5), seed=st.integers(0, 20))
@settings(deadline=None, max_examples=30)
def test_a_rows_result_does_not_depend_on_its_chunk(cuts, seed):
    rows = units(50, seed=seed, dtype=np.float16)
    method = fit(rows)
    whole = method.apply(rows).vectors
    edges = sorted({0, 50, *cuts})
    parts = [method.apply(rows[start:stop]).vectors for start, stop in pairwise(edges)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("renormalise", [True, False])
def test_a_row_that_equals_the_mean_is_reported_and_zero(renormalise):
    rows = units(9)
    method = MeanShift(rows[4].astype(np.float64), renormalise)
    vectors, lost = method.apply(rows)
    assert lost.tolist() == [False] * 4 + [True] + [False] * 4
    assert not vectors[4].any()
    assert np.isfinite(vectors).all()


def test_equal_rows_are_all_lost_and_not_turned_into_rounding_noise():
    rows = np.tile(units(1, 384, dtype=np.float16), (37, 1))
    assert fit(rows).apply(rows).lost.all()


def test_what_differs_by_more_than_float16_rounding_is_kept():
    mean = np.zeros(4)
    mean[0] = 1
    step = 2 * LEAST_NORM
    vectors, lost = MeanShift(mean).apply(np.array([[1, step, 0, 0]]))
    assert not lost.any()
    assert np.allclose(vectors, [[0, 1, 0, 0]])


def test_an_empty_chunk_stays_empty():
    vectors, lost = fit(units(3)).apply(units(0))
    assert vectors.shape == (0, 16)
    assert lost.shape == (0,)


def test_the_input_is_left_alone():
    rows = units(5, dtype=np.float64)
    before = rows.copy()
    fit(rows).apply(rows)
    assert np.array_equal(rows, before)


def test_wrong_rows_are_refused_with_their_number():
    method = fit(units(5))
    bad = units(3)
    bad[1] = np.nan
    with pytest.raises(TransferError, match="Row 41 holds NaN"):
        method.apply(bad, first=40)
    with pytest.raises(TransferError, match="Row 0 is not of unit norm"):
        method.apply(units(2) * 3)
    with pytest.raises(TransferError, match="Row 0 is a zero vector"):
        method.apply(np.zeros((1, 16)))
    with pytest.raises(TransferError, match=r"shape \(2, 8\)"):
        method.apply(units(2, 8))


@pytest.mark.parametrize("number", [0, 1])
def test_a_fit_needs_two_rows(number):
    with pytest.raises(TransferError, match=f"There are {number} embeddings"):
        fit(units(number))


@pytest.mark.parametrize("renormalise", [True, False])
def test_real_images_are_shifted_by_their_own_mean(renormalise):
    method = fit(units(50), renormalise)
    images = units(40, seed=9)
    rule = method.image_rule()
    carried = rule.carry(images)
    assert np.array_equal(carried.vectors, fit(images, renormalise).apply(images).vectors)
    assert not np.allclose(carried.vectors, method.apply(images).vectors, atol=1e-2)
    assert "subtract the mean" in rule.text
    assert ("divide" in rule.text) == renormalise


def test_one_image_alone_has_no_mean_to_subtract():
    with pytest.raises(TransferError, match="There are 1 embeddings"):
        fit(units(50)).image_rule().carry(units(1))
