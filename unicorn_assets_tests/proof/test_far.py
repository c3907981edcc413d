"""The synthetic far gap."""

import numpy as np
import pytest

from unicorn_assets.proof.far import OFFSET, SPREAD, FarGap, shift_share, unit


def pairs(count=4000, dimension=64):
    """Texts and images as towers give them: a middle of their own each, and alike but for that."""
    chance = np.random.default_rng(1)
    meaning = chance.standard_normal((count, dimension)) / np.sqrt(dimension)
    middles = np.linalg.qr(chance.standard_normal((dimension, 2)))[0].T
    return unit(0.8 * meaning + 0.6 * middles[0]), unit(0.6 * meaning + 0.8 * middles[1])


def test_a_shift_explains_little_of_it():
    texts, images = pairs()
    assert shift_share(texts, images) > 0.7
    far = FarGap.drawn(np.random.default_rng(2), texts, images).apply(images)
    assert 0.05 < shift_share(texts, far) < 0.2
    np.testing.assert_allclose(np.linalg.norm(far, axis=1), 1, atol=1e-6)


def test_it_is_a_turn_a_stretch_and_a_shift_before_the_norm():
    texts, images = pairs()
    gap = FarGap.drawn(np.random.default_rng(2), texts, images)
    middle = gap.apply(images.mean(axis=0, keepdims=True))
    goal = texts.mean(axis=0)
    assert np.linalg.norm(goal) * (middle @ goal)[0] > 0
    moved = (images - images.mean(axis=0)) @ gap._turn.T
    np.testing.assert_allclose(
        np.linalg.norm(moved, axis=1), SPREAD * np.linalg.norm(images - images.mean(axis=0), axis=1), rtol=1e-5
    )
    assert np.linalg.norm(gap._goal - goal) == pytest.approx(OFFSET)


def test_another_chance_is_another_gap():
    texts, images = pairs(200)
    one, other = (FarGap.drawn(np.random.default_rng(number), texts, images).apply(images) for number in (2, 3))
    assert np.abs(one - other).max() > 0.1


def test_the_share_by_hand():
    texts = np.array([[1.0, 0.0], [0.0, 1.0]])
    images = np.array([[1.0, 1.0], [1.0, 1.0]])
    # Gaps (0, 1) and (1, 0): their mean is (0.5, 0.5), of energy 0.5; each has energy 1.
    assert shift_share(texts, images) == pytest.approx(0.5)
