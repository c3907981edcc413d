"""The matched transfer: its matching by hand, and what it is for."""

import numpy as np
import pytest

from unicorn_assets.errors import TransferError
from unicorn_assets.transfer.matched import Matched, nearest
from unicorn_assets.transfer.realign import Anchor
from unicorn_assets_tests.transfer.references import images, moments, texts, unit


def test_a_text_takes_its_nearest_image_unless_that_is_a_hub():
    # Image 0 stands between all texts and is nearest to each but for its hubness; image k > 0 is near to text k alone.
    count, width = 12, 13
    said = np.eye(count, width, dtype=np.float32)
    hub = unit(np.ones((1, width)))
    own = unit(0.28 * np.eye(count, width) + np.eye(1, width, width - 1))
    found, near = nearest(said, np.concatenate([hub, own]).astype(np.float32))
    assert (hub @ said.T).min() > (own @ said.T).max()
    assert found.tolist() == list(range(1, count + 1))
    cosine = own[0, 0]
    np.testing.assert_allclose(near, cosine - cosine / 10 / 2, rtol=1e-5)  # nine of its ten nearest texts are far


def test_matching_does_not_depend_on_how_images_are_cut_up():
    x, y = (
        unit(np.random.default_rng(0).normal(size=(2, 700, 16)).reshape(1400, 16))
        .astype(np.float32)
        .reshape(2, 700, 16)
    )
    values = y.astype(float) @ x.astype(float).T
    values -= np.sort(values, axis=0)[-10:].mean(axis=0) / 2
    assert nearest(y[:600], x)[0].shape == (600,)
    found, near = nearest(y, x)
    assert found.tolist() == values.argmax(axis=1).tolist()
    np.testing.assert_allclose(near, values.max(axis=1), atol=1e-5)


def things(rng, number, share, width=12):
    """Two kinds, told apart by the sign along an axis of texts."""
    kinds = np.where(rng.random(number) < share, 1.0, -1.0)
    rows = rng.normal(size=(number, width)) * np.geomspace(0.3, 0.05, width)
    rows[:, 0] += kinds * 0.6
    return rows + 0.3


def seen(rows, turn):
    return unit((rows * np.linspace(1.2, 0.8, rows.shape[1]) + np.linspace(-0.5, 0.5, rows.shape[1])) @ turn)


def turned(rng, angle, width=12):
    """A rotation by up to `angle` in random planes."""
    half = rng.normal(size=(width, width))
    values, axes = np.linalg.eig(half - half.T)
    return np.real(axes @ np.diag(np.exp(angle * values / np.abs(values).max())) @ np.linalg.inv(axes))


@pytest.mark.parametrize(("share", "angle"), [(0.9, 0.0), (0.5, 1.0), (0.8, 1.0)])
def test_it_finds_pairs_that_moments_do_not(share, angle):
    """Images of another mix, and images that are turned, so that a shift explains little of the gap."""
    rng = np.random.default_rng(3)
    turn = turned(rng, angle)
    y, x = unit(things(rng, 2000, 0.5)), seen(things(rng, 2000, share), turn)
    pairs = things(rng, 500, 0.5)
    asked, shown = unit(pairs).astype(np.float32), seen(pairs, turn)
    anchor = Anchor.fit(moments(y), moments(x))
    realign = anchor.finish(moments(anchor.step(y)))
    matched = Matched.fit(y.astype(np.float32), x.astype(np.float32))
    scores = [float((method.apply(asked).vectors * shown).sum(axis=1).mean()) for method in (realign, matched)]
    assert scores[1] > scores[0] + 0.015


def test_it_stops_where_a_round_gains_little_and_says_so():
    rng = np.random.default_rng(3)
    turn = turned(rng, 1.5)
    y, x = unit(things(rng, 2000, 0.5)).astype(np.float32), seen(things(rng, 2000, 0.5), turn).astype(np.float32)
    told = []
    found = Matched.fit(y, x, rounds=50, progress=told.append)
    assert told == list(range(1, found.rounds + 1))
    assert 1 < found.rounds < 50
    again = Matched.fit(y, x, rounds=found.rounds)
    assert again.parameters == found.parameters
    assert np.array_equal(again.matrix, found.matrix)
    assert Matched.fit(y, x, rounds=1).rounds == 1
    assert 0 < found.explained <= 1


def test_what_it_makes_of_the_surest_has_the_variance_of_their_images():
    y, x = texts(1000), images(800)
    method = Matched.fit(y, x, kept=1.0, rounds=1)
    made = y.astype(float) @ method.matrix + method.offset
    shifted = unit(y + (x.mean(axis=0, dtype=float) - y.mean(axis=0, dtype=float)))
    around = [unit(rows - x.mean(axis=0)).astype(np.float32) for rows in (shifted, x)]
    taken = x[nearest(*around)[0]].astype(float)
    assert made.var(axis=0).sum() == pytest.approx(taken.var(axis=0).sum(), rel=1e-3)
    np.testing.assert_allclose(made.mean(axis=0), taken.mean(axis=0), atol=1e-3)


def test_texts_that_no_image_shows_do_not_count():
    rng = np.random.default_rng(4)
    turn = turned(rng, 0.3)
    pairs = things(rng, 300, 0.5)
    strange = unit(np.concatenate([things(rng, 700, 0.5), things(rng, 300, 0.5) + rng.normal(size=(300, 12))]))
    x = seen(things(rng, 2000, 0.5), turn).astype(np.float32)
    scores = [
        float(
            (Matched.fit(strange.astype(np.float32), x, kept=kept).apply(unit(pairs)).vectors * seen(pairs, turn))
            .sum(axis=1)
            .mean()
        )
        for kept in (0.6, 1.0)
    ]
    assert scores[0] > scores[1]


def test_images_that_are_all_but_one_alike_are_refused():
    x = np.repeat(images(1), 100, axis=0)
    x[0] = -x[0]
    with pytest.raises(TransferError, match="One and the same image is nearest"):
        Matched.fit(texts(), x)


@pytest.mark.parametrize(("given", "says"), [({"rounds": 0}, "0 rounds"), ({"kept": 0.0}, "keep 0.0 of the pairs")])
def test_numbers_out_of_range_are_refused(given, says):
    with pytest.raises(TransferError, match=says):
        Matched.fit(texts(), images(), **given)
