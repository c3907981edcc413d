import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from unicorn_assets.curation.duplicates.choice import KEPT, SAME, choose
from unicorn_assets.curation.duplicates.finding import Near


def near(pairs):
    ends = np.array([pair[:2] for pair in pairs], np.int64).reshape(-1, 2)
    similarity = np.array([pair[2] if len(pair) > 2 else 0.9 for pair in pairs], np.float32)
    how = np.array([pair[3] if len(pair) > 3 else 0 for pair in pairs], np.int8)
    return Near(ends[:, 0], ends[:, 1], similarity, how)


def twins(node, rank, *pairs):
    return choose(np.array(node), np.array(rank), near(pairs)).twin.tolist()


def test_being_near_is_not_transitive():
    assert twins([0, 1, 2], [0, 1, 2], (0, 1), (1, 2)) == [KEPT, 0, KEPT]
    assert twins([0, 1, 2], [1, 0, 2], (0, 1), (1, 2)) == [1, KEPT, 1]


def test_the_better_one_is_kept_whichever_comes_first():
    assert twins([0, 1], [0, 1], (0, 1)) == [KEPT, 0]
    assert twins([0, 1], [1, 0], (0, 1)) == [1, KEPT]


def test_rows_that_say_the_same_lose_to_the_best_of_them():
    choice = choose(np.array([7, 7, 7]), np.array([2, 0, 1]), near([]))
    assert choice.twin.tolist() == [1, KEPT, 1]
    assert choice.pair.tolist() == [SAME] * 3


def test_all_rows_of_a_text_that_loses_lose_to_the_winner():
    choice = choose(np.array([3, 5, 5, 3]), np.array([0, 1, 2, 3]), near([(3, 5)]))
    assert choice.twin.tolist() == [KEPT, 0, 0, 0]
    assert choice.pair.tolist() == [SAME, 0, 0, SAME]


def test_of_several_twins_the_nearest_counts_and_of_equals_the_best():
    assert twins([0, 1, 2], [0, 1, 2], (0, 2, 0.8), (1, 2, 0.9)) == [KEPT, KEPT, 1]
    assert twins([0, 1, 2], [0, 1, 2], (0, 2, 0.9), (1, 2, 0.9)) == [KEPT, KEPT, 0]


def test_of_several_twins_the_surest_finding_counts():
    assert twins([0, 1, 2], [0, 1, 2], (0, 2, 0.99, 2), (1, 2, 0.8, 0)) == [KEPT, KEPT, 1]
    assert twins([0, 1, 2], [0, 1, 2], (0, 2, 0.99, 2), (1, 2, 0.8, 2)) == [KEPT, KEPT, 0]


def test_without_a_winner_its_twin_comes_back():
    assert twins([1, 2], [1, 2], (1, 2)) == [KEPT, 0]
    assert twins([2], [2]) == [KEPT]


def test_nothing_to_choose():
    assert choose(np.empty(0, np.int64), np.empty(0, np.int64), near([])).twin.tolist() == []


edges = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(edges, st.permutations(range(8)), st.permutations(range(8)))
def test_no_two_kept_are_near_and_every_loser_is_near_a_kept_better_one(ends, rank, order):
    pairs = sorted({(min(pair), max(pair)) for pair in ends if pair[0] != pair[1]})
    found = twins(range(8), rank, *pairs)
    linked = set(pairs) | {(b, a) for a, b in pairs}
    for row, twin in enumerate(found):
        if twin == KEPT:
            assert not any((row, other) in linked and found[other] == KEPT for other in range(8))
        else:
            assert found[twin] == KEPT
            assert (row, twin) in linked
            assert rank[twin] < rank[row]
    shuffled = choose(np.array(order), np.array([rank[node] for node in order]), near(pairs)).twin.tolist()
    by_node = {node: KEPT if twin == KEPT else order[twin] for node, twin in zip(order, shuffled, strict=True)}
    assert [by_node[node] for node in range(8)] == found
