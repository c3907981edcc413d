import numpy as np
import pytest

from unicorn_assets.curation.duplicates import pairs, semantic
from unicorn_assets.curation.duplicates.finding import SEMANTIC
from unicorn_assets.curation.duplicates.pairs import TooManyPairsError
from unicorn_assets.curation.duplicates.semantic import exact, find


def units(rng, count, dimension=48):
    """Unit rows as the lake holds them; a third are near another one, at all cosines."""
    found = rng.normal(size=(count, dimension))
    for row in range(count - count // 3, count):
        found[row] = found[row - count // 2] + rng.uniform(0, 0.5) * rng.normal(size=dimension)
    found = found[rng.permutation(count)]
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def found(vectors, new=None, cosine=0.95, order=None, asked=None):
    """Pairs by node, with their cosine; the nodes are read in some order."""
    order = np.arange(len(vectors)) if order is None else order
    new = np.ones(len(vectors), bool) if new is None else new

    def embeddings_of(places):
        if asked is not None:
            asked.extend(places.tolist())
        return vectors[order[places]]

    near = find(order, new[order], embeddings_of, cosine)
    assert (near.how == SEMANTIC).all()
    assert (near.first < near.second).all()
    return dict(zip(zip(near.first.tolist(), near.second.tolist(), strict=True), near.similarity.tolist(), strict=True))


def brute(vectors, cosine=0.95):
    wide = vectors.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    cosines = wide @ wide.T
    return {(a, b): cosines[a, b] for a, b in zip(*np.nonzero(np.triu(cosines >= cosine, 1)), strict=True)}


@pytest.fixture(params=[7, 64, 2048])
def vectors(request, monkeypatch):
    monkeypatch.setattr(semantic, "BLOCK", request.param)
    return units(np.random.default_rng(request.param), 150)


def test_as_by_brute_force(vectors):
    ours, true = found(vectors), brute(vectors)
    assert ours.keys() == true.keys()
    assert 10 < len(true) < 50
    assert all(ours[pair] == pytest.approx(true[pair], abs=1e-6) for pair in true)


def test_new_ones_with_all_and_the_pairs_of_before_are_those_of_all(vectors):
    whole = found(vectors)
    for seed in range(3):
        new = np.random.default_rng(seed).random(len(vectors)) < 0.3
        order = np.random.default_rng(seed + 10).permutation(len(vectors))
        later = found(vectors, new=new, order=order)
        before = {pair: cosine for pair, cosine in whole.items() if not new[list(pair)].any()}
        assert later.keys().isdisjoint(before)
        assert {**before, **later} == whole  # to the last bit


def test_where_nothing_is_new_nothing_is_read():
    asked = []
    assert found(units(np.random.default_rng(1), 30), new=np.zeros(30, bool), asked=asked) == {}
    assert asked == []
    assert found(np.empty((0, 4), np.float16)) == {}


def test_a_cosine_does_not_depend_on_the_order_of_its_sum():
    rng = np.random.default_rng(3)
    vectors = units(rng, 40, 384)
    shuffled = rng.permutation(384)
    first, second = vectors[:20], vectors[20:]
    assert (exact(first, second) == exact(first[:, shuffled], second[:, shuffled])).all()
    assert exact(first, first).tolist() == [1.0] * 20
    assert exact(np.zeros((1, 4), np.float16), np.ones((1, 4), np.float16)).tolist() == [0.0]


def test_right_at_the_threshold_is_near():
    vectors = np.array([[1, 0], [0.6, 0.8], [0.6, -0.8]], np.float16)
    cosine = float(exact(vectors[:1], vectors[1:2])[0])
    assert found(vectors, cosine=cosine).keys() == {(0, 1), (0, 2)}
    assert found(vectors, cosine=float(np.nextafter(cosine, 1))) == {}


def test_more_pairs_than_can_be_held_are_refused(monkeypatch):
    monkeypatch.setattr(pairs, "MOST", 100)
    with pytest.raises(TooManyPairsError, match=r"(?s)More than 100 pairs .*\[duplicates\]"):
        found(np.ones((20, 4), np.float16) / 2)
