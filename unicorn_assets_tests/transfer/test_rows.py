"""Which rows may enter a transfer, and how the others are named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.rows import check, emptied, norm


def identity(dtype=np.float32):
    return np.eye(4, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_unit_rows_come_back_in_float64(dtype):
    checked = check(identity(dtype), 4)
    assert checked.dtype == np.float64
    assert np.array_equal(checked, np.eye(4))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_not_finite_is_refused_by_row(value, unit, dtype):
    rows = identity(dtype)
    rows[2, 1] = value
    with pytest.raises(TransferError, match="Row 102 holds NaN or an infinity") as caught:
        check(rows, 4, first=100, unit=unit)
    assert "remove that row" in caught.value.cure


def test_a_zero_vector_is_refused_by_row():
    rows = identity()
    rows[1] = rows[3] = 0
    with pytest.raises(TransferError, match="Row 1 is a zero vector; 2 of the 4 rows"):
        check(rows, 4)


@pytest.mark.parametrize(("scale", "shown"), [(1.02, "1.02"), (0.98, "0.98"), (23.5, "23.5")])
def test_a_row_that_nobody_normalised_is_refused_with_its_norm(scale, shown):
    rows = identity()
    rows[3] *= scale
    with pytest.raises(TransferError, match=rf"Row 3 is not of unit norm \(its norm is {shown}\)") as caught:
        check(rows, 4)
    assert "divide each row" in caught.value.cure
    check(rows, 4, unit=False)


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 2, 4)])
def test_another_shape_is_refused(shape):
    with pytest.raises(TransferError, match=r"from row 7 on have the shape .* instead of \(rows, 4\)"):
        check(np.ones(shape), 4, first=7)


def test_integers_are_refused():
    with pytest.raises(TransferError, match="of type int64"):
        check(np.eye(4, dtype=np.int64), 4)


def test_no_rows_are_fine():
    assert check(np.empty((0, 4), np.float16), 4).shape == (0, 4)


@given(width=st.integers(1, 2000), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_rounding_a_unit_row_to_float16_stays_within_the_tolerance(width, seed):
    row = np.random.default_rng(seed).normal(size=(1, width))
    row /= np.linalg.norm(row)
    check(row.astype(np.float16), width)


def test_a_rows_norm_does_not_depend_on_its_neighbours():
    rows = np.random.default_rng(0).normal(size=(300, 1280))
    assert norm(rows)[17:18].tobytes() == norm(rows[17:18]).tobytes()


def test_only_rows_that_are_zero_throughout_are_emptied():
    rows = np.array([[0.0, 0.0], [0.0, 1e-9], [1.0, 0.0], [-0.0, 0.0]])
    assert emptied(rows).tolist() == [True, False, False, True]
    assert emptied(rows[:0]).tolist() == []
