"""Ridge regression against its textbook form, and the penalty that it chooses against all others."""

import numpy as np
import pytest

from unicorn_assets.transfer import regression
from unicorn_assets.transfer.regression import regress


def draws(count, noise, width=6, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, width)) * np.linspace(2, 0.01, width) + 3
    y = x @ rng.normal(size=(width, width)) + rng.normal(size=(count, width)) * noise - 1
    return x, y


def textbook(x, y, penalty):
    """The map of a penalty, and its generalised cross-validation error by the hat matrix."""
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    inverse = np.linalg.inv(a.T @ a + penalty * np.eye(a.shape[1]))
    hat = a @ inverse @ a.T
    rss = ((b - hat @ b) ** 2).sum()
    return inverse @ a.T @ b, rss / len(a) / (1 - (1 + np.trace(hat)) / len(a)) ** 2


@pytest.mark.parametrize("noise", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("count", [8, 40, 400])
def test_the_penalty_is_that_of_the_least_gcv_error(count, noise):
    x, y = draws(count, noise)
    total = ((x - x.mean(axis=0)) ** 2).sum()
    penalties = 10.0 ** np.arange(-10, 0.5, 0.5) * total
    best = min(penalties, key=lambda one: textbook(x, y, one)[1])
    found = regress(x, y)
    np.testing.assert_allclose(found.matrix, textbook(x, y, best)[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose([found.source, found.target], [x.mean(axis=0), y.mean(axis=0)])


def test_noise_asks_for_a_larger_penalty():
    sizes = [np.abs(regress(*draws(20, noise)).matrix[-1]).max() for noise in (0.001, 100.0)]
    assert sizes[0] > 0.1 > sizes[1]


def test_what_it_says_of_itself_is_so():
    x, y = draws(60, 2.0)
    found = regress(x, y)
    made, wanted = (x - found.source) @ found.matrix, y - found.target
    assert found.explained == pytest.approx(1 - ((wanted - made) ** 2).sum() / (wanted**2).sum())
    assert found.spread == pytest.approx(np.sqrt((wanted**2).sum() / (made**2).sum()))
    assert 0 < found.explained < 1 < found.spread


def test_an_exact_map_is_found():
    x, y = draws(100, 0.0)
    found = regress(x, y)
    np.testing.assert_allclose((x - found.source) @ found.matrix + found.target, y, atol=1e-4)
    assert found.spread == pytest.approx(1, abs=1e-6)


def test_rows_that_are_all_alike_teach_the_mean():
    y = np.random.default_rng(0).normal(size=(20, 3))
    found = regress(np.ones((20, 4)), y)
    assert np.isfinite(found.matrix).all()
    assert np.isfinite(found.spread)
    assert np.isfinite(regression._LEAST)
    np.testing.assert_allclose((np.ones((1, 4)) - found.source) @ found.matrix * found.spread, np.zeros((1, 3)))
