"""The matched transport: its algebra by hand, its matching by hand, and what it is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.gaussian import product, shrunk, transport
from unicorn_assets.transfer.matched import Matched, nearest
from unicorn_assets.transfer.realign import Anchor
from unicorn_assets_tests.transfer.references import images, moments, texts, unit


def test_transport_of_diagonal_covariances_by_hand():
    assert np.allclose(transport(np.diag([1.0, 4.0]), np.diag([9.0, 1.0])), np.diag([3.0, 0.5]))


@given(seed=st.integers(0, 1000), width=st.integers(1, 8))
@settings(deadline=None, max_examples=40)
def test_transport_is_symmetric_positive_and_makes_one_covariance_the_other(seed, width):
    draws = np.random.default_rng(seed).normal(size=(2, 5 * width + 5, width))
    source, target = (np.cov(rows.T).reshape(width, width) for rows in draws)
    matrix = transport(source, target)
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix).min() > 0
    assert np.allclose(matrix @ source @ matrix, target, atol=1e-8)


def test_shrinking_keeps_the_trace_and_ends_in_a_ball():
    covariance = np.array([[3.0, 1.0], [1.0, 1.0]])
    assert shrunk(covariance, 0.5).tolist() == [[2.5, 0.5], [0.5, 1.5]]
    assert shrunk(covariance, 1.0).tolist() == [[2.0, 0.0], [0.0, 2.0]]


@given(start=st.integers(0, 299), length=st.integers(0, 299))
@settings(deadline=None, max_examples=30)
def test_a_rows_product_does_not_depend_on_its_place(start, length):
    rows, matrix = np.random.default_rng(1).normal(size=(300, 40)), np.random.default_rng(2).normal(size=(40, 40))
    whole = product(rows, matrix)
    assert np.allclose(whole, rows @ matrix)
    assert product(rows[start : start + length], matrix).tobytes() == whole[start : start + length].tobytes()


def test_an_image_takes_its_nearest_text_unless_that_is_a_hub():
    # Text 0 stands between all images and is nearest to each but for its hubness; text k > 0 is near to image k alone.
    count, width = 12, 13
    pictures = np.eye(count, width, dtype=np.float32)
    hub = unit(np.ones((1, width)))
    own = unit(0.28 * np.eye(count, width) + np.eye(1, width, width - 1))
    found = nearest(pictures, np.concatenate([hub, own]).astype(np.float32))
    assert (hub @ pictures.T).min() > (own @ pictures.T).max()
    assert found.tolist() == list(range(1, count + 1))


def test_matching_does_not_depend_on_how_texts_are_cut_up():
    x, y = (
        unit(np.random.default_rng(0).normal(size=(2, 700, 16)).reshape(1400, 16))
        .astype(np.float32)
        .reshape(2, 700, 16)
    )
    cosines = x.astype(float) @ y.astype(float).T
    hubs = np.sort(cosines, axis=0)[-10:].mean(axis=0) / 2
    assert nearest(x[:600], y).shape == (600,)
    assert nearest(x, y).tolist() == (cosines - hubs).argmax(axis=1).tolist()


def test_it_survives_images_of_another_mix_better_than_moments_do():
    # Two kinds of things, told apart by the sign along an axis of texts; images show nine tenths of one kind.
    rng = np.random.default_rng(3)

    def things(number, share):
        kinds = np.where(rng.random(number) < share, 1.0, -1.0)
        rows = rng.normal(size=(number, 12)) * 0.1
        rows[:, 0] += kinds * 0.6
        return rows + 0.3

    def seen(rows):
        return unit(rows * np.linspace(1.2, 0.8, 12) + np.linspace(-0.5, 0.5, 12)).astype(np.float32)

    y, x = unit(things(2000, 0.5)).astype(np.float32), seen(things(2000, 0.9))
    pairs = things(500, 0.5)
    asked, shown = unit(pairs).astype(np.float32), seen(pairs).astype(np.float64)
    anchor = Anchor.fit(moments(y), moments(x))
    realign = anchor.finish(moments(anchor.step(y)))
    matched = Matched.fit(y, x)
    scores = [float((method.apply(asked).vectors * shown).sum(axis=1).mean()) for method in (realign, matched)]
    assert scores[1] > scores[0] + 0.02


@pytest.mark.parametrize(("given", "says"), [({"rounds": 0}, "0 rounds"), ({"shrinkage": 0.0}, "a shrinkage of 0.0")])
def test_numbers_out_of_range_are_refused(given, says):
    with pytest.raises(TransferError, match=says):
        Matched.fit(texts(), images(), **given)
