"""Centre and covariance against two passes, whatever the chunks and the order of merging."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.metrics.shape import Spread
from unicorn_assets_tests.transfer.metrics.clouds import shape_of, units


def test_two_rows_by_hand():
    shape = shape_of(np.array([[1.0, 0], [0, 1]]))
    assert shape.mean == pytest.approx([0.5, 0.5])
    assert shape.covariance == pytest.approx(np.array([[0.25, -0.25], [-0.25, 0.25]]))
    assert shape.values == pytest.approx([0.5, 0])
    assert shape.values[1] == 0
    assert np.abs(shape.axes[:, 0]) == pytest.approx(np.sqrt([0.5, 0.5]))
    assert shape.trace == pytest.approx(0.5)
    assert shape.mean_cosine == pytest.approx(0, abs=1e-15)


def test_mean_cosine_is_that_of_every_pair_whatever_the_norms():
    rows = units(40) * np.random.default_rng(1).uniform(0.1, 3, size=(40, 1))
    found = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for i, a in enumerate(rows) for b in rows[:i]]
    assert shape_of(rows, unit=False).mean_cosine == pytest.approx(np.mean(found))


def test_equal_rows_have_no_variance_at_all():
    shape = shape_of(np.tile(units(1), (1000, 1)))
    assert shape.trace == 0
    assert shape.mean_cosine == pytest.approx(1)


@given(
    number=st.integers(2, 60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    order=st.randoms(use_true_random=False),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
@settings(deadline=None, max_examples=40)
def test_chunks_and_the_order_of_merging_change_nothing(number, cuts, order, dtype):
    rows = units(number, seed=number).astype(dtype)
    edges = sorted({0, number, *(min(cut, number) for cut in cuts)})
    parts = []
    for start, stop in pairwise(edges):
        parts.append(Spread(8))
        parts[-1].add(rows[start:stop])
    order.shuffle(parts)
    merged = Spread(8)
    for part in parts:
        merged.merge(part)
    shape, doubles = merged.shape(), rows.astype(np.float64)
    assert shape.count == number
    assert np.allclose(shape.mean, doubles.mean(axis=0), rtol=0, atol=1e-12)
    assert np.allclose(shape.covariance, np.cov(doubles.T, bias=True), rtol=0, atol=1e-12)
    assert shape.trace == pytest.approx(((doubles - doubles.mean(axis=0)) ** 2).sum(axis=1).mean(), abs=1e-12)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_rows_have_no_shape(count):
    with pytest.raises(TransferError, match=f"There are {count} embeddings"):
        shape_of(units(2)[:count])


def test_a_wrong_row_is_named_over_all_chunks():
    spread = Spread(8)
    spread.add(units(5))
    bad = units(3)
    bad[1, 2] = np.nan
    with pytest.raises(TransferError, match="Row 6 holds NaN"):
        spread.add(bad)
    with pytest.raises(TransferError, match="Row 7 is not of unit norm"):
        spread.add(units(3) * np.array([[1], [1], [2]]))
    with pytest.raises(TransferError, match="Row 5 is a zero vector") as caught:
        spread.add(np.zeros((1, 8)), unit=False)
    assert "lost" in caught.value.cure


def test_dimensions_do_not_mix():
    spread = Spread(8)
    with pytest.raises(TransferError, match=r"instead of \(rows, 8\)"):
        spread.add(units(2, width=9))
    with pytest.raises(TransferError, match="9 dimensions meet statistics of 8"):
        spread.merge(Spread(9))
