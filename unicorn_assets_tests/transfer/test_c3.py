"""C3's noise: how much, in which of two ways, and whose it is."""

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.c3 import C3, Noise
from unicorn_assets.transfer.noise import noise
from unicorn_assets_tests.transfer.references import images, moments, names, texts, unit


def test_noise_belongs_to_its_id_and_seed():
    ids = names(20)
    drawn = noise(ids, 16, 1)
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(noise([ids[number] for number in order], 16, 1), drawn[order])
    assert not np.allclose(noise(ids, 16, 2), drawn)
    assert noise([], 16, 1).shape == (0, 16)


def test_noise_is_standard_normal_and_apart_between_rows():
    drawn = noise(names(2000), 64, 0)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    assert np.abs(drawn[:1000].ravel() @ drawn[1000:].ravel() / 64_000) < 0.02


def test_noise_is_the_same_in_every_version():
    assert noise(["a"], 3, 0)[0].tolist() == pytest.approx(GOLDEN, abs=0)


GOLDEN = [-1.3359211559978081, 0.6655060059171287, -1.0910894749360942]


@pytest.mark.parametrize("cosine", [0.3, 0.9, 0.99])
@pytest.mark.parametrize("width", [128, 1280])
def test_the_cosine_that_is_asked_for_comes_out_in_every_dimension(cosine, width):
    y = texts(300, width=width)
    method = C3.fit(moments(y), None, Noise(cosine=cosine))
    clean = unit(y - y.mean(0, dtype=np.float64))
    found = (method.apply(y, 0, names(300)).vectors * clean).sum(axis=1)
    assert found.mean() == pytest.approx(cosine, abs=0.01)
    assert found.std() < 1.5 / np.sqrt(2 * width)


def test_the_published_sigma_does_not_fit_1280_dimensions():
    y = texts(200, width=1280)
    method = C3.fit(moments(y), moments(images(200, width=1280)), Noise(sigma=0.016**0.5))
    clean = unit(y - y.mean(0) + images(200, width=1280).mean(0))
    assert (method.apply(y).vectors * clean).sum(axis=1).mean() == pytest.approx(0.22, abs=0.03)


def test_without_ids_the_rows_numbers_stand_in():
    y = texts(30)
    method = C3.fit(moments(y), None, Noise(sigma=0.1))
    by_number = method.apply(y[10:], 10).vectors
    assert np.array_equal(method.apply(y).vectors[10:], by_number)
    assert np.array_equal(method.apply(y[10:], 0, [str(number) for number in range(10, 30)]).vectors, by_number)


def test_a_row_that_equals_the_mean_is_lost_and_not_turned_into_noise():
    y = texts(9)
    vectors, lost = C3(y[4].astype(np.float64), None, Noise(sigma=0.1)).apply(y)
    assert np.flatnonzero(lost).tolist() == [4]
    assert not vectors[4].any()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "both as sigma and as cosine, or as neither"),
        ({"sigma": 0.1, "cosine": 0.9}, "both as sigma and as cosine"),
        ({"sigma": 0.0}, "has the sigma 0.0"),
        ({"sigma": float("nan")}, "has the sigma nan"),
        ({"cosine": 1.0}, "has the cosine 1.0"),
        ({"cosine": -0.5}, "has the cosine -0.5"),
    ],
)
def test_noise_out_of_range_is_refused(given, says):
    with pytest.raises(TransferError, match=says):
        Noise(**given)
