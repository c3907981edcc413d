"""Casts from and to float16 against NumPy's own, on every half there is and on every way to round."""

import warnings
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unicorn_assets.lake import halves
from unicorn_assets.lake.halves import finite, narrow, widen

EVERY = np.arange(2**16, dtype=np.uint16).view(np.float16)
FINITE = EVERY[np.isfinite(EVERY)]


def narrowed(floats):
    out = np.empty(floats.shape, np.float16)
    narrow(out, floats)
    return out


def between():
    """All finite halves, the points in the middle of two, and the float32 numbers on both sides of each."""
    ends = np.unique(FINITE.astype(np.float64))
    points = np.concatenate([ends, (ends[1:] + ends[:-1]) / 2]).astype(np.float32)
    return np.concatenate([points, np.nextafter(points, np.float32(np.inf)), np.nextafter(points, np.float32(-np.inf))])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_half_is_widened_exactly(dtype):
    for rows in (EVERY, FINITE, FINITE.reshape(-1, 2)[:, ::-1], FINITE[:0].reshape(0, 4)):
        wider = widen(rows, dtype)
        assert (wider.dtype, wider.shape) == (dtype, rows.shape)
        assert wider.tobytes() == rows.astype(dtype).tobytes()


def test_every_tie_is_rounded_to_even_and_its_neighbours_to_their_sides():
    floats = between()
    assert narrowed(floats).tobytes() == floats.astype(np.float16).tobytes()


@given(arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32)))
@settings(deadline=None, max_examples=300)
def test_any_numbers_are_rounded_as_numpy_does(floats):
    with np.errstate(over="ignore"):
        assert narrowed(floats).tobytes() == floats.astype(np.float16).tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_several_chunks_and_any_float_type(dtype):
    floats = np.random.default_rng(0).normal(0, 0.03, size=(60, 1280)).astype(dtype)
    assert np.array_equal(narrowed(floats), floats.astype(np.float16))
    assert np.array_equal(narrowed(floats[:, ::2]), floats[:, ::2].astype(np.float16))
    assert np.array_equal(widen(narrowed(floats), np.float64), floats.astype(np.float16).astype(np.float64))


@pytest.mark.parametrize(("number", "half"), [(65_519.9, 65_504.0), (65_520.0, np.inf), (-1e30, -np.inf)])
def test_what_is_out_of_range_becomes_an_infinity_with_a_warning(number, half):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert narrowed(np.array([0.5, number], np.float32)).tolist() == [0.5, half]
    assert len(caught) == np.isinf(half)


def test_a_processor_that_takes_denormal_numbers_for_zero_changes_nothing(monkeypatch):
    monkeypatch.setattr(halves, "_DENORMAL", np.float32(0))
    assert widen(EVERY, np.float32).tobytes() == EVERY.astype(np.float32).tobytes()


def test_rows_that_are_not_finite_are_found():
    rows = np.zeros((6, 3), np.float16)
    rows[1, 2], rows[3, 0], rows[4, 1], rows[5] = np.nan, np.inf, -np.inf, 65_504
    assert finite(rows).tolist() == [True, False, True, False, False, True]
    assert finite(rows[:0]).tolist() == []


def test_threads_do_not_meet():
    found = {}

    def work(number):
        floats = np.full(200_000, number, np.float32)
        found[number] = {*narrowed(floats).tolist(), *widen(floats.astype(np.float16), np.float64).tolist()}

    threads = [Thread(target=work, args=(number / 8,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number / 8: {number / 8} for number in range(8)}
